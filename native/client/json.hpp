// JSON (RFC 8259) as a value. Numbers stay as they are written; members keep their order.
#pragma once
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace vtep::client {

class Json {
 public:
  enum class Kind { null, boolean, number, string, array, object };

  Json() = default;
  Json(const char* text) : kind_(Kind::string), text_(text) {}
  Json(std::string text) : kind_(Kind::string), text_(std::move(text)) {}
  static Json number(long long value);
  static Json array(std::vector<Json> items = {});
  static Json object(std::vector<std::pair<std::string, Json>> members = {});

  // False when the text is no JSON, or nested deeper than anybody means.
  static bool parse(std::string_view text, Json& out);
  std::string print() const;

  Kind kind() const { return kind_; }
  bool is(Kind kind) const { return kind_ == kind; }
  // Of a string; empty for everything else.
  const std::string& text() const;
  // Of a number that is a whole one within the bounds.
  bool whole(long long least, long long most, long long& out) const;
  // Of an array; empty for everything else.
  const std::vector<Json>& items() const { return items_; }
  void push(Json item) { items_.push_back(std::move(item)); }

  // A member, or null: of an object that does not have it, and of everything else.
  const Json& at(std::string_view key) const;
  // Sets a member, also of what was no object.
  void set(std::string_view key, Json value);
  void remove(std::string_view key);

 private:
  friend class JsonReader;
  void print(std::string& out) const;

  Kind kind_ = Kind::null;
  std::string text_;  // of a string; literally of a number or boolean
  std::vector<Json> items_;
  std::vector<std::pair<std::string, Json>> members_;
};

}  // namespace vtep::client
