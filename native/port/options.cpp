#include "options.hpp"

#include <stdlib.h>
#include <string.h>

#include <algorithm>

namespace vtep {
namespace {

std::string trim(const std::string& text) {
  const char* space = " \t\r";
  const size_t first = text.find_first_not_of(space);
  if (first == std::string::npos) return "";
  return text.substr(first, text.find_last_not_of(space) - first + 1);
}

bool parse_number(const std::string& text, uint64_t& out) {
  if (text.empty() || text.size() > 19) return false;
  out = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return false;
    out = out * 10 + static_cast<uint64_t>(c - '0');
  }
  return true;
}

bool parse_flag(const std::string& text, bool& out) {
  const bool yes = text == "yes" || text == "true" || text == "1" || text == "on";
  const bool no = text == "no" || text == "false" || text == "0" || text == "off";
  out = yes;
  return yes || no;
}

bool has_type(const std::string& type, const std::string& value) {
  uint64_t number;
  bool flag;
  uint8_t mac[6];
  if (type == "number") return parse_number(value, number);
  if (type == "flag") return parse_flag(value, flag);
  if (type == "mac") return parse_mac(value, mac);
  return !value.empty();
}

const char* expected(const std::string& type) {
  if (type == "number") return "a whole number";
  if (type == "flag") return "yes or no";
  if (type == "mac") return "a unicast Ethernet address like 02:00:00:00:00:01";
  if (type == "list") return "a comma-separated list";
  return "some text";
}

}  // namespace

bool parse_mac(const std::string& text, uint8_t out[6]) {
  if (text.size() != 17) return false;
  for (unsigned i = 0; i < 6; i++) {
    unsigned value = 0;
    for (unsigned digit = 0; digit < 2; digit++) {
      const char c = text[i * 3 + digit];
      const char* digits = "0123456789abcdef";
      const char lower = c >= 'A' && c <= 'F' ? static_cast<char>(c + 32) : c;
      const char* at = lower == 0 ? nullptr : strchr(digits, lower);
      if (at == nullptr) return false;
      value = value * 16 + static_cast<unsigned>(at - digits);
    }
    if (i < 5 && text[i * 3 + 2] != ':' && text[i * 3 + 2] != '-') return false;
    out[i] = static_cast<uint8_t>(value);
  }
  return (out[0] & 1) == 0;  // a group address is nobody's own
}

bool Options::parse(const std::string& text, Options& out, std::string& error) {
  Options parsed;
  size_t start = 0;
  unsigned line_number = 0;
  while (start < text.size()) {
    size_t end = text.find('\n', start);
    if (end == std::string::npos) end = text.size();
    const std::string line = trim(text.substr(start, end - start));
    start = end + 1;
    line_number++;
    if (line.empty()) continue;
    const size_t equals = line.find('=');
    const std::string key = equals == std::string::npos ? "" : trim(line.substr(0, equals));
    // A zero would end the key early for some and not for others.
    if (key.empty() || line.find('\0') != std::string::npos) {
      error = "options, line " + std::to_string(line_number) + ": expected key=value, got \"" +
              line.substr(0, line.find('\0')) + "\"";
      return false;
    }
    if (parsed.find(key.c_str()) != nullptr) {
      error = "options, line " + std::to_string(line_number) + ": \"" + key + "\" is given twice";
      return false;
    }
    parsed.set(key, trim(line.substr(equals + 1)));
  }
  out = std::move(parsed);
  return true;
}

bool Options::check(const char* kind, const OptionInfo* declared, unsigned count,
                    std::string& error) const {
  for (const auto& pair : pairs_) {
    const std::string &key = pair.first, &value = pair.second;
    const auto* end = declared + count;
    const auto* info =
        std::find_if(declared, end, [&](const OptionInfo& each) { return key == each.name; });
    if (info == end) {
      error = std::string(kind) + ": unknown option \"" + key + "\"; known: ";
      for (unsigned i = 0; i < count; i++) error += (i ? ", " : "") + std::string(declared[i].name);
      if (count == 0) error += "none";
      return false;
    }
    if (!has_type(info->type, value)) {
      error = std::string(kind) + ": option " + key + ": expected " + expected(info->type) +
              ", got \"" + value + "\"";
      return false;
    }
  }
  return true;
}

const std::string* Options::find(const char* key) const {
  for (const auto& pair : pairs_)
    if (pair.first == key) return &pair.second;
  return nullptr;
}

void Options::set(const std::string& key, const std::string& value) {
  const auto at = std::lower_bound(
      pairs_.begin(), pairs_.end(), key,
      [](const auto& pair, const std::string& wanted) { return pair.first < wanted; });
  if (at != pairs_.end() && at->first == key)
    at->second = value;
  else
    pairs_.insert(at, {key, value});
}

void Options::remove(const char* key) {
  std::erase_if(pairs_, [&](const auto& pair) { return pair.first == key; });
}

std::string Options::text() const {
  std::string text;
  for (const auto& [key, value] : pairs_) text += key + "=" + value + "\n";
  return text;
}

std::string Options::string(const char* key, const std::string& fallback) const {
  const std::string* value = find(key);
  return value == nullptr ? fallback : *value;
}

uint64_t Options::number(const char* key, uint64_t fallback) const {
  const std::string* value = find(key);
  uint64_t number = fallback;
  if (value != nullptr && !parse_number(*value, number)) return fallback;
  return number;
}

bool Options::flag(const char* key, bool fallback) const {
  const std::string* value = find(key);
  bool flag = fallback;
  if (value != nullptr && !parse_flag(*value, flag)) return fallback;
  return flag;
}

bool Options::mac(const char* key, uint8_t out[6]) const {
  const std::string* value = find(key);
  return value != nullptr && parse_mac(*value, out);
}

std::vector<std::string> Options::list(const char* key) const {
  std::vector<std::string> items;
  const std::string* value = find(key);
  size_t start = 0;
  while (value != nullptr && start < value->size()) {
    size_t end = value->find(',', start);
    if (end == std::string::npos) end = value->size();
    const std::string item = trim(value->substr(start, end - start));
    if (!item.empty()) items.push_back(item);
    start = end + 1;
  }
  return items;
}

}  // namespace vtep
