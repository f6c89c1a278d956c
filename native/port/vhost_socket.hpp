// The unix socket of a vhost-user port.
#pragma once
#include <string>

#include "descriptor.hpp"

namespace vtep {

// Listens at a path. What a crashed process left there is replaced; where somebody listens, or
// something else lies, it refuses. The file goes when the object does.
class VhostListener {
 public:
  struct Access {
    unsigned mode = 0660;
    unsigned user = ~0u, group = ~0u;  // ~0: ours
  };
  VhostListener() = default;
  VhostListener(const VhostListener&) = delete;
  VhostListener& operator=(const VhostListener&) = delete;
  ~VhostListener();

  bool open(const std::string& path, const Access& access, std::string& error);
  int descriptor() const { return socket_.get(); }
  // Without a connection when nobody waits.
  Descriptor accept() const;

 private:
  Descriptor socket_;
  std::string path_;
  unsigned long device_ = 0, inode_ = 0;  // of our file
};

// Without a connection when nobody listens there now.
Descriptor vhost_connect(const std::string& path);

// Null, or what is wrong with a path for a socket.
const char* vhost_path_problem(const std::string& path);

}  // namespace vtep
