// From the switch's verdict to the devices: what it emits is sorted by destination and put into the
// form that each device can take.
//
// The checksum invariant is kept here: a frame leaves with a correct checksum or with correct
// metadata of a partial one. Nothing is edited in place, because a flooded frame goes to several
// devices: a completed checksum is two bytes of scratch memory between two pieces.
#pragma once
#include <vector>

#include "../core/encap.hpp"
#include "../core/segmentation.hpp"
#include "../core/switch.hpp"
#include "batch.hpp"
#include "device_list.hpp"
#include "merge.hpp"
#include "offload_watch.hpp"
#include "tap.hpp"

namespace vtep {

class Egress {
 public:
  // `tap`: whoever watches; null: nobody.
  Egress(const Segment& segment, unsigned worker, WorkerCounters& counters, Tap* tap = nullptr);
  Egress(const Egress&) = delete;
  Egress& operator=(const Egress&) = delete;

  // Devices that are not in `list` any more are not touched again.
  void adopt(const DeviceList* list) { list_ = list; }
  // Keeps what the burst emits, for finish(); when there is no more room, what was kept goes first.
  // The frames' bytes have to stay, the burst need not.
  void add(const Burst& burst);
  // Sends all, in order per destination. Call it before a device takes back the frames it has lent.
  void finish();
  const OffloadWatch& watch() const { return watch_; }

 private:
  static constexpr uint16_t kEnd = UINT16_MAX;
  // Several bursts: what belongs together may have come in more than one.
  static constexpr unsigned kEmits = 2 * kMaxEmits;
  struct Group {
    uint32_t destination;  // port id; 0 = the uplink
    uint16_t first;
    uint16_t last;
  };

  Frame keep(const Reply& reply);
  void lose(uint16_t number, uint32_t port, Drop reason);
  void sort();
  void to_port(const Group& group);
  void merge(const Group& group);
  void merged_to_port(uint16_t first);
  void frame_to_port(const Abilities& abilities, uint16_t number);
  void cut_to_port(const Abilities& abilities, uint16_t number);
  void watch_uplink(uint32_t datagrams, const Frame& frame);
  void finish_outer();
  void to_uplink(const Group& group);
  bool writes_outer() const;
  void begin_uplink(const Emit& emit, unsigned pieces, unsigned bytes, unsigned frames);
  void frame_to_uplink(const Emit& emit, const Frame& frame);
  bool keeps_whole(const Frame& frame) const;
  void whole_to_uplink(uint16_t number);
  void cut_to_uplink(uint16_t number);
  uint32_t train(const Emit& emit, uint32_t left, unsigned frames);
  bool find_remote(uint32_t index);
  bool fits_path(uint32_t inner_length) const;
  template <class AnyBatch>
  void add_completed(AnyBatch& batch, const Frame& frame);

  Segment segment_;
  WorkerCounters& counters_;
  Tap* const tap_;
  unsigned worker_;
  const DeviceList* list_ = nullptr;
  std::vector<Group> groups_;
  std::vector<uint16_t> group_of_;  // by port id, valid while it points to a group of that id
  // What is kept. Emit::frame is an index into frames_; those of replies have their bytes in
  // replies_.
  unsigned emit_count_ = 0;
  unsigned frame_count_ = 0;
  unsigned reply_count_ = 0;
  Emit emits_[kEmits];
  Frame frames_[kEmits];
  Track tracks_[kEmits];  // of emits, while somebody watches
  Reply replies_[2 * kBurst];
  uint16_t next_[kEmits];
  uint32_t remote_index_ = 0;
  RemoteSnapshot remote_;
  const UnderlayPath* path_ = nullptr;  // to that remote
  Segmenter segmenter_;
  Merger merger_{kEmits};
  Piece piece_;
  OffloadWatch watch_;
  uint64_t now_ = 0;  // nanoseconds, to some milliseconds; of the group at hand
  Batch<Port, Gather> ports_{tap_, tracks_};
  Batch<Uplink, UplinkGather> uplink_{tap_, tracks_};
};

}  // namespace vtep
