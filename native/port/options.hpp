// key=value options as the operator gave them, and what a kind declares about its own.
#pragma once
#include <stdint.h>

#include <string>
#include <utility>
#include <vector>

namespace vtep {

struct OptionInfo {
  const char* name;
  const char* type;  // "text", "number", "flag", "mac", "list"
  const char* fallback;
  const char* help;
};

class Options {
 public:
  // One key=value per line. Empty text is no options.
  static bool parse(const std::string& text, Options& out, std::string& error);
  // Every key is declared and every value has its type. `kind` is for the sentence in `error`.
  bool check(const char* kind, const OptionInfo* declared, unsigned count,
             std::string& error) const;

  const std::string* find(const char* key) const;  // null when the operator did not give it
  void set(const std::string& key, const std::string& value);
  void remove(const char* key);
  std::string text() const;  // canonical form, sorted by key: adoption compares it

  // For options that have passed check(); `fallback` when not given.
  std::string string(const char* key, const std::string& fallback) const;
  uint64_t number(const char* key, uint64_t fallback) const;
  bool flag(const char* key, bool fallback) const;
  bool mac(const char* key, uint8_t out[6]) const;  // false when not given
  std::vector<std::string> list(const char* key) const;

 private:
  std::vector<std::pair<std::string, std::string>> pairs_;
};

bool parse_mac(const std::string& text, uint8_t out[6]);

}  // namespace vtep
