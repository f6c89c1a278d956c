// Network namespaces of the calling thread.
#pragma once
#include <string>

#include "descriptor.hpp"

namespace vtep {

// `name` as in `ip netns`, or a path like /proc/PID/ns/net.
Descriptor open_namespace(const std::string& name, std::string& error);
// A fresh one that nothing refers to but the descriptor: it ends with it, and with it what is in
// there. Invalid with `error` when it can not be made.
Descriptor make_namespace(std::string& error);
// Whether a descriptor is the namespace that the thread is in.
bool is_current_namespace(const Descriptor& other);

// The calling thread is in the other namespace while this object lives. Other threads are not
// affected.
class NamespaceScope {
 public:
  NamespaceScope() = default;
  ~NamespaceScope();
  NamespaceScope(const NamespaceScope&) = delete;
  NamespaceScope& operator=(const NamespaceScope&) = delete;
  int enter(const Descriptor& other);  // 0 or an errno
  int enter_fresh(Descriptor& fresh);  // as make_namespace

 private:
  Descriptor home_;
};

}  // namespace vtep
