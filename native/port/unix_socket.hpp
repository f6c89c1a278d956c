// The unix socket between a port and a virtual machine: who makes it, and how it is had again.
#pragma once
#include <time.h>

#include <string>

#include "descriptor.hpp"
#include "options.hpp"

namespace vtep {

// Options of every kind that speaks over a unix socket.
extern const OptionInfo kUnixSocketOptions[4];

// Those options, read.
struct UnixSocketPlace {
  std::string path;
  bool is_server = true;
  unsigned mode = 0660;
  unsigned user = ~0u, group = ~0u;  // ~0: ours

  // For options that have passed Options::check().
  bool read(const Options& options, std::string& error);
};

// Listens at a path. What a crashed process left there is replaced; where somebody listens, or
// something else lies, it refuses. The file goes when the object does.
class UnixListener {
 public:
  UnixListener() = default;
  UnixListener(const UnixListener&) = delete;
  UnixListener& operator=(const UnixListener&) = delete;
  ~UnixListener();

  bool open(const UnixSocketPlace& place, std::string& error);
  int descriptor() const { return socket_.get(); }
  // Without a connection when nobody waits.
  Descriptor accept() const;

 private:
  Descriptor socket_;
  std::string path_;
  unsigned long device_ = 0, inode_ = 0;  // of our file
};

// Without a connection when nobody listens there now.
Descriptor unix_connect(const std::string& path);

// Lines for the log about who is at the other end, at most one in a second: who is thrown out may
// come back at once, for ever. One thread.
class PeerLog {
 public:
  void open(const char* kind, const std::string& port) { head_ = kind + (" " + port); }
  void say(const std::string& what);

 private:
  std::string head_;
  time_t said_at_ = 0;
  unsigned unsaid_ = 0;
};

}  // namespace vtep
