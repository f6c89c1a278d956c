#include "json.hpp"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

#include <algorithm>

namespace vtep::client {

namespace {

constexpr int kDeepest = 64;

const Json kNull;
const std::string kEmpty;

bool is_digit(char letter) { return letter >= '0' && letter <= '9'; }

void append_utf8(std::string& out, uint32_t point) {
  const auto put = [&out](uint32_t octet) { out.push_back(static_cast<char>(octet)); };
  if (point < 0x80) return put(point);
  if (point < 0x800) return put(0xc0 | point >> 6), put(0x80 | (point & 0x3f));
  if (point < 0x10000) put(0xe0 | point >> 12);
  if (point >= 0x10000) put(0xf0 | point >> 18), put(0x80 | (point >> 12 & 0x3f));
  put(0x80 | (point >> 6 & 0x3f)), put(0x80 | (point & 0x3f));
}

void print_string(const std::string& text, std::string& out) {
  static const char kHex[] = "0123456789abcdef";
  out.push_back('"');
  for (const char letter : text) {
    const auto octet = static_cast<uint8_t>(letter);
    if (letter == '"' || letter == '\\') {
      out.push_back('\\'), out.push_back(letter);
    } else if (octet < 0x20) {
      out += "\\u00", out.push_back(kHex[octet >> 4]), out.push_back(kHex[octet & 15]);
    } else {
      out.push_back(letter);
    }
  }
  out.push_back('"');
}

}  // namespace

class JsonReader {
 public:
  explicit JsonReader(std::string_view text) : rest_(text) {}

  bool document(Json& out) { return value(out, 0) && (space(), rest_.empty()); }

 private:
  void space() {
    while (!rest_.empty() && std::string_view(" \t\r\n").find(rest_[0]) != std::string_view::npos)
      rest_.remove_prefix(1);
  }
  bool take(char letter) {
    space();
    if (rest_.empty() || rest_[0] != letter) return false;
    rest_.remove_prefix(1);
    return true;
  }
  bool word(std::string_view expected, Json& out, Json::Kind kind) {
    if (!rest_.starts_with(expected)) return false;
    rest_.remove_prefix(expected.size());
    out.kind_ = kind, out.text_ = expected;
    return true;
  }

  bool value(Json& out, int depth) {
    space();
    if (rest_.empty() || depth > kDeepest) return false;
    switch (rest_[0]) {
      case '{':
        return object(out, depth);
      case '[':
        return array(out, depth);
      case '"':
        out.kind_ = Json::Kind::string;
        return string(out.text_);
      case 't':
        return word("true", out, Json::Kind::boolean);
      case 'f':
        return word("false", out, Json::Kind::boolean);
      case 'n':
        return word("null", out, Json::Kind::null);
      default:
        return number(out);
    }
  }

  bool object(Json& out, int depth) {
    out.kind_ = Json::Kind::object;
    (void)take('{');
    if (take('}')) return true;
    do {
      std::string key;
      Json member;
      space();
      if (!string(key) || !take(':') || !value(member, depth + 1)) return false;
      out.members_.emplace_back(std::move(key), std::move(member));
    } while (take(','));
    return take('}');
  }

  bool array(Json& out, int depth) {
    out.kind_ = Json::Kind::array;
    (void)take('[');
    if (take(']')) return true;
    do {
      Json item;
      if (!value(item, depth + 1)) return false;
      out.items_.push_back(std::move(item));
    } while (take(','));
    return take(']');
  }

  bool number(Json& out) {
    size_t at = 0;
    const auto digits = [&] {
      const size_t first = at;
      while (at < rest_.size() && is_digit(rest_[at])) at++;
      return at > first;
    };
    const auto next = [&](std::string_view any) {
      return at < rest_.size() && any.find(rest_[at]) != std::string_view::npos && ++at > 0;
    };
    (void)next("-");
    const bool zero = at < rest_.size() && rest_[at] == '0';
    const size_t first = at;
    if (!digits() || (zero && at > first + 1)) return false;
    if (next(".") && !digits()) return false;
    if (next("eE")) {
      (void)next("+-");
      if (!digits()) return false;
    }
    out.kind_ = Json::Kind::number, out.text_ = rest_.substr(0, at);
    rest_.remove_prefix(at);
    return true;
  }

  bool hex4(uint32_t& out) {
    if (rest_.size() < 4) return false;
    out = 0;
    for (const char letter : rest_.substr(0, 4)) {
      const char lower = static_cast<char>(letter | 0x20);
      const bool letters = lower >= 'a' && lower <= 'f';
      if (!is_digit(letter) && !letters) return false;
      out = out << 4 | static_cast<uint32_t>(letters ? lower - 'a' + 10 : letter - '0');
    }
    rest_.remove_prefix(4);
    return true;
  }

  // Half of a pair alone becomes the replacement character.
  bool escape(std::string& out) {
    if (rest_.empty()) return false;
    static const char kFrom[] = "\"\\/bfnrt", kTo[] = "\"\\/\b\f\n\r\t";
    const char letter = rest_[0];
    rest_.remove_prefix(1);
    if (letter != 'u') {
      const size_t index = std::string_view(kFrom).find(letter);
      if (index == std::string_view::npos) return false;
      out.push_back(kTo[index]);
      return true;
    }
    uint32_t point = 0, low = 0;
    if (!hex4(point)) return false;
    if (point >= 0xd800 && point < 0xe000) {
      const bool paired = point < 0xdc00 && rest_.starts_with("\\u");
      if (paired) {
        rest_.remove_prefix(2);
        if (!hex4(low)) return false;
      }
      const bool good = low >= 0xdc00 && low < 0xe000;
      point = good ? 0x10000 + ((point - 0xd800) << 10) + (low - 0xdc00) : 0xfffd;
    }
    append_utf8(out, point);
    return true;
  }

  bool string(std::string& out) {
    if (rest_.empty() || rest_[0] != '"') return false;
    rest_.remove_prefix(1);
    while (!rest_.empty()) {
      const char letter = rest_[0];
      rest_.remove_prefix(1);
      if (letter == '"') return true;
      if (static_cast<uint8_t>(letter) < 0x20) return false;
      if (letter != '\\') {
        out.push_back(letter);
      } else if (!escape(out)) {
        return false;
      }
    }
    return false;
  }

  std::string_view rest_;
};

Json Json::number(long long value) {
  Json out;
  out.kind_ = Kind::number, out.text_ = std::to_string(value);
  return out;
}

Json Json::array(std::vector<Json> items) {
  Json out;
  out.kind_ = Kind::array, out.items_ = std::move(items);
  return out;
}

Json Json::object(std::vector<std::pair<std::string, Json>> members) {
  Json out;
  out.kind_ = Kind::object, out.members_ = std::move(members);
  return out;
}

bool Json::parse(std::string_view text, Json& out) {
  out = Json();
  return JsonReader(text).document(out);
}

const std::string& Json::text() const { return kind_ == Kind::string ? text_ : kEmpty; }

bool Json::whole(long long least, long long most, long long& out) const {
  if (kind_ != Kind::number) return false;
  char* end = nullptr;
  errno = 0;
  const long long value = ::strtoll(text_.c_str(), &end, 10);
  if (*end != '\0' || errno != 0 || value < least || value > most) return false;
  out = value;
  return true;
}

const Json& Json::at(std::string_view key) const {
  for (const auto& [name, value] : members_)
    if (name == key) return value;
  return kNull;
}

void Json::set(std::string_view key, Json value) {
  kind_ = Kind::object;
  for (auto& [name, old] : members_) {
    if (name != key) continue;
    old = std::move(value);
    return;
  }
  members_.emplace_back(key, std::move(value));
}

void Json::remove(std::string_view key) {
  std::erase_if(members_, [key](const auto& member) { return member.first == key; });
}

std::string Json::print() const {
  std::string out;
  print(out);
  return out;
}

void Json::print(std::string& out) const {
  const char* separator = "";
  switch (kind_) {
    case Kind::null:
      out += "null";
      return;
    case Kind::boolean:
    case Kind::number:
      out += text_;
      return;
    case Kind::string:
      return print_string(text_, out);
    case Kind::array:
      out.push_back('[');
      for (const Json& item : items_) {
        out += std::exchange(separator, ",");
        item.print(out);
      }
      out.push_back(']');
      return;
    case Kind::object:
      out.push_back('{');
      for (const auto& [name, value] : members_) {
        out += std::exchange(separator, ",");
        print_string(name, out);
        out.push_back(':');
        value.print(out);
      }
      out.push_back('}');
      return;
  }
}

}  // namespace vtep::client
