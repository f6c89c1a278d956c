// The multicast forwarding table: who wants a group, from any source or from one. The control plane
// says it; a list is as a flood list is.
#include "tables.hpp"

namespace vtep {
namespace {

uint32_t slot_network(const Words<ChannelShape::kWords>& slot) { return slot.w[1] & 0xffff; }
bool names_source(const Words<ChannelShape::kWords>& slot) {
  return (slot.w[6] | slot.w[7] | slot.w[8] | slot.w[9]) != 0;
}

}  // namespace

// By the words of an operation: null or a few words why not. The list is empty where there is no
// such channel.
template <class Operation>
const char* Tables::find_listener(const Operation& operation, Listener& out) {
  out.network = segment_.find_network(operation.vni);
  if (out.network == 0) return "no network has this VNI";
  out.slot = channel_key(out.network, operation.group, operation.source);
  ChannelSlot found;
  out.position = channels_.find(out.slot, found);
  if (out.position != channels_.kNowhere) out.slot = found;
  out.list = list_at(out.slot.w[0]);
  return nullptr;
}

bool Tables::is_listed(const FloodList& list, uint32_t word) {
  for (uint32_t i = 0; i < list.ports + list.remotes; i++)
    if (list.words[i] == word) return true;
  return false;
}

void Tables::count_channel(const ChannelSlot& slot, int by) {
  NetworkRow& row = segment_.network(slot_network(slot));
  add_to_row(&row, offsetof(NetworkRow, channels), by);
  if (names_source(slot)) add_to_row(&row, offsetof(NetworkRow, sourceChannels), by);
}

void Tables::count_listeners(int by) {
  uint32_t& count = segment_.header().listeners;
  store_relaxed(&count, load_relaxed(&count) + static_cast<uint32_t>(by));
}

const char* Tables::listener_add(const ListenerAddOperation& operation) {
  Listener listener;
  if (const char* reason = find_listener(operation, listener)) return reason;
  const bool local = operation.port != 0;
  if (local &&
      (!port_is_open(operation.port) || segment_.port_network(operation.port) != listener.network))
    return "no such port in this network";
  uint32_t id = operation.port;
  if (!local) {
    if (const char* reason = remote_find_or_add(operation.remote, id)) return reason;
  }
  const uint32_t word = destination_word(local ? Destination::port : Destination::remote, id);
  if (is_listed(listener.list, word)) return nullptr;
  if (!local && !access_acquire(listener.network, id, 0)) {
    remote_drop_unused(id);
    return "no room for another VTEP of this network";
  }
  const uint32_t offset = list_insert(listener.list, word);
  if (offset == 0 || !channel_publish(listener, offset)) {
    if (!local) access_release(listener.network, id, 0);
    return "no room for another listener";
  }
  count_listeners(1);
  return nullptr;
}

// False: there is no room for another channel.
bool Tables::channel_publish(const Listener& listener, uint32_t offset) {
  const uint32_t old = listener.list.offset;
  if (listener.position != channels_.kNowhere) {
    if (offset == old) return true;
    channels_.set_first(listener.position, offset);
    retire(RetiredKind::floodBlock, old);
    return true;
  }
  ChannelSlot slot = listener.slot;
  slot.w[0] = offset;
  if (channels_.insert(slot) == channels_.kNowhere) {
    flood_free(offset);
    return false;
  }
  count_channel(slot, 1);
  return true;
}

const char* Tables::listener_remove(const ListenerRemoveOperation& operation) {
  Listener listener;
  if (const char* reason = find_listener(operation, listener)) return reason;
  uint32_t word = destination_word(Destination::port, operation.port);
  if (operation.port == 0)
    word = destination_word(Destination::remote, segment_.find_remote(operation.remote));
  channel_leave(listener.position, listener.slot, word);
  return nullptr;
}

void Tables::channel_leave(uint32_t position, const ChannelSlot& slot, uint32_t word) {
  const FloodList list = list_at(slot.w[0]);
  if (destination_id(word) == 0 || !is_listed(list, word)) return;
  const uint32_t offset = list_erase(list, word);
  bool empty = true;
  const FloodList now = list_at(offset);
  for (uint32_t i = 0; i < now.ports + now.remotes; i++) empty = empty && now.words[i] == 0;
  if (empty) {
    channels_.remove(position);
    count_channel(slot, -1);
    retire(RetiredKind::floodBlock, offset);
  } else if (offset != list.offset) {
    channels_.set_first(position, offset);
  }
  if (offset != list.offset) retire(RetiredKind::floodBlock, list.offset);
  count_listeners(-1);
  if (destination_kind(word) == Destination::remote)
    access_release(slot_network(slot), destination_id(word), 0);
}

template <class Take>
void Tables::each_channel(uint32_t network, Take take) {
  uint32_t left = current_row(segment_.network(network)).channels;
  const uint32_t end = channels_.buckets() * channels_.kSlots;
  for (uint32_t position = 0; position < end && left > 0; position++) {
    const ChannelSlot slot = channels_.read(position);
    if (slot.w[0] == 0 || slot_network(slot) != network) continue;
    left--;
    take(position, slot);
  }
}

void Tables::channels_flush_port(uint32_t network, uint32_t id) {
  const uint32_t word = destination_word(Destination::port, id);
  each_channel(network, [&](uint32_t position, const ChannelSlot& slot) {
    channel_leave(position, slot, word);
  });
}

void Tables::channels_flush_network(uint32_t network) {
  each_channel(network, [&](uint32_t position, const ChannelSlot& slot) {
    const FloodList list = list_at(slot.w[0]);
    channels_.remove(position);
    count_channel(slot, -1);
    for (uint32_t i = 0; i < list.ports + list.remotes; i++) {
      const uint32_t word = list.words[i];
      if (word == 0) continue;
      count_listeners(-1);
      if (destination_kind(word) == Destination::remote)
        access_release(network, destination_id(word), 0);
    }
    retire(RetiredKind::floodBlock, list.offset);
  });
}

}  // namespace vtep
