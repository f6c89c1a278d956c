// Who wants which multicast group, as hosts and routers say it: IGMP (RFC 1112, RFC 2236, RFC 3376)
// and MLD (RFC 2710, RFC 3810), read as a switch does that listens in (RFC 4541).
#pragma once
#include "frame.hpp"
#include "layers.hpp"
#include "tables.gen.hpp"

namespace vtep {

// One word of a report about a group or one of its sources.
struct MembershipRecord {
  uint32_t record;     // MulticastRecord
  uint8_t group[16];   // more than link-local
  uint8_t source[16];  // of include and block, else ::
};

// A message of IGMP or MLD whose lengths and checksum are right; anything else is no message.
class Membership {
 public:
  enum Kind : uint8_t { none, report, query };

  // Looks at untagged frames only; these have a whole IP header.
  Membership(const uint8_t* data, uint32_t length, const Layers& layers, const Meta& meta);

  Kind kind() const { return kind_; }
  // Of IGMP; of MLD one more, so that equal numbers can do the same.
  uint8_t version() const { return version_; }
  // Of a report: its next record, until false.
  bool next(MembershipRecord& out);

 private:
  void read_igmp(const uint8_t* message, uint32_t size);
  void read_mld(const uint8_t* message, uint32_t size);
  void read_one(uint32_t record, const uint8_t* group);
  void read_records(const uint8_t* message, uint32_t size);
  void load_address(uint8_t* to, const uint8_t* from) const;

  Kind kind_ = none;
  uint8_t version_ = 0;
  uint8_t addressSize_ = 0;
  uint8_t single_ = 0;    // MulticastRecord of a message about one group
  bool told_ = false;     // what the record at hand says of the group itself
  uint16_t records_ = 0;  // group records from `at_` on
  uint16_t sources_ = 0;  // how many of the record at hand have been given
  const uint8_t* at_ = nullptr;
};

// Groups of a link's own protocols, which go to everybody (RFC 4541 sections 2.1.2 and 3).
bool is_link_group(const uint8_t* ip);

}  // namespace vtep
