// What needs no device: options, addresses, parsers of what the kernel or a file says.
#include <arpa/inet.h>
#include <linux/neighbour.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <random>

#include "../../core/checksum.hpp"
#include "../inner_metadata.hpp"
#include "../netlink.hpp"
#include "support.hpp"

namespace vtep::test {

TEST(options_have_one_canonical_text) {
  Options a, b;
  std::string error;
  CHECK(Options::parse("mtu=1400\n\n  ifname = eth0 \n", a, error), error);
  CHECK(Options::parse("ifname=eth0\nmtu=1400", b, error), error);
  CHECK(a.text() == b.text(), a.text());
  CHECK(a.text() == "ifname=eth0\nmtu=1400\n", a.text());
  CHECK_EQUAL(a.number("mtu", 0), uint64_t{1400});
  CHECK(a.string("ifname", "") == "eth0");
  CHECK(a.find("mac") == nullptr);
  CHECK(!Options::parse("mtu=1\nmtu=2", a, error) && has(error, "line 2") && has(error, "twice"),
        error);
  CHECK(!Options::parse("mtu", a, error) && has(error, "line 1: expected key=value, got \"mtu\""),
        error);
  CHECK(!Options::parse("=5", a, error), error);
  // Found by the fuzzer: keys that are equal up to a zero octet.
  CHECK(!Options::parse(std::string("a\0b=1\na=2", 9), a, error), error);
}

TEST(options_are_checked_against_the_declaration) {
  const OptionInfo declared[] = {{"count", "number", "1", ""},
                                 {"on", "flag", "yes", ""},
                                 {"mac", "mac", "", ""},
                                 {"names", "list", "", ""}};
  const auto verdict = [&](const char* text) {
    Options options;
    std::string error;
    CHECK(Options::parse(text, options, error), error);
    return options.check("thing", declared, 4, error) ? std::string() : error;
  };
  CHECK(verdict("count=7\non=no\nmac=02:00:00:00:00:0a\nnames=a,b").empty());
  CHECK(verdict("count=seven") == "thing: option count: expected a whole number, got \"seven\"",
        verdict("count=seven"));
  CHECK(has(verdict("count=-1"), "whole number"));
  CHECK(has(verdict("count=99999999999999999999"), "whole number"));
  CHECK(has(verdict("on=maybe"), "yes or no"));
  CHECK(has(verdict("mac=01:00:00:00:00:01"), "unicast"));
  CHECK(has(verdict("mac=02:00:00:00:00"), "unicast"));
  CHECK(has(verdict("cuont=1"), "unknown option \"cuont\"; known: count, on, mac, names"));
  Options options;
  std::string error;
  CHECK(Options::parse("names= a , b,,c\non=off", options, error));
  CHECK_EQUAL(options.list("names").size(), size_t{3});
  CHECK(options.list("names")[1] == "b");
  CHECK(!options.flag("on", true));
}

TEST(addresses_read_and_write_their_text) {
  for (const char* text : {"10.0.0.1", "fd00::1", "::", "255.255.255.255"}) {
    Address address;
    CHECK(Address::parse(text, address), text);
    CHECK(address.text() == text, address.text());
  }
  Address address;
  for (const char* text : {"", "10.0.0", "10.0.0.256", "fd00::1/64", "eth0"})
    CHECK(!Address::parse(text, address), text);
}

// Any bytes: a value or nothing, never a read beyond the message (the sanitizer watches).
TEST(netlink_parsers_survive_any_bytes) {
  std::mt19937 engine(1);
  const auto random = [&] { return static_cast<uint32_t>(engine()); };
  for (unsigned round = 0; round < 60000; round++) {
    const size_t length = sizeof(nlmsghdr) + random() % 120;
    std::vector<uint8_t> bytes(length);
    for (auto& byte : bytes) byte = static_cast<uint8_t>(random() % (round % 2 ? 256 : 24));
    nlmsghdr header = {};
    header.nlmsg_len = static_cast<uint32_t>(length);
    const uint16_t types[] = {RTM_NEWLINK, RTM_NEWADDR, RTM_NEWROUTE, RTM_NEWNEIGH};
    header.nlmsg_type = types[round % 4];
    memcpy(bytes.data(), &header, sizeof header);
    const auto* message = reinterpret_cast<const nlmsghdr*>(bytes.data());
    Link link;
    HostAddress address;
    Route route;
    Neighbour neighbour;
    Address prefix;
    uint8_t prefix_length = 0;
    std::vector<uint32_t> interfaces;
    (void)parse_link(message, link);
    (void)parse_address(message, address);
    (void)parse_route(message, Address{}, route);
    (void)parse_route_interfaces(message, interfaces);
    (void)parse_neighbour(message, neighbour);
    if (parse_prefix(message, prefix, prefix_length)) CHECK(prefix_length <= 128);
  }
}

TEST(inner_metadata_survives_any_bytes) {
  std::mt19937 engine(2);
  const auto random = [&] { return static_cast<uint32_t>(engine()); };
  for (unsigned round = 0; round < 60000; round++) {
    Bytes inner = tcp_frame(random() % 100, 0);
    std::vector<uint8_t> bytes(8);
    bytes[0] = 8;
    bytes.insert(bytes.end(), inner.bytes.begin(), inner.bytes.end());
    for (unsigned i = random() % 6; i > 0; i--)
      bytes[random() % bytes.size()] = static_cast<uint8_t>(random());
    bytes.resize(random() % (bytes.size() + 1));
    Frame frame;
    frame.data = bytes.data();
    frame.length = static_cast<uint32_t>(bytes.size());
    find_inner_metadata(frame, round % 3 == 0 ? random() % 200 : 0);
    if (frame.meta.flags & kNeedsChecksum)
      CHECK(uint32_t{frame.meta.checksum_start} + frame.meta.checksum_offset + 2 <= frame.length);
  }
}

TEST(a_capture_is_read_in_every_form) {
  const std::string path = "/tmp/vtep-port-test-" + std::to_string(getpid()) + ".pcap";
  const auto swap = [](uint32_t value, bool swapped) {
    return swapped ? __builtin_bswap32(value) : value;
  };
  for (const uint32_t magic : {0xa1b2c3d4u, 0xa1b23c4du}) {
    for (const bool swapped : {false, true}) {
      FILE* file = fopen(path.c_str(), "we");
      const uint32_t version = swapped ? 0x02000400 : 0x00040002;
      const uint32_t header[6] = {swap(magic, swapped), version,         0, 0,
                                  swap(65535, swapped), swap(1, swapped)};
      fwrite(header, sizeof header, 1, file);
      // A whole frame, one that was cut when it was captured, a whole one, and a record that the
      // file ends in.
      const uint32_t lengths[4][2] = {{60, 60}, {60, 1514}, {1000, 1000}, {60, 60}};
      for (uint32_t i = 0; i < 4; i++) {
        const uint32_t record[4] = {0, 0, swap(lengths[i][0], swapped),
                                    swap(lengths[i][1], swapped)};
        fwrite(record, sizeof record, 1, file);
        fwrite(numbered_frame(i, lengths[i][0]).data(), i < 3 ? lengths[i][0] : 30, 1, file);
      }
      fclose(file);
      const auto port = open_or_fail("pcap", "p", "read=" + path + "\ndelay=0");
      const auto got = receive_all(*port, 0, 2);
      CHECK_EQUAL(got.size(), size_t{2});
      CHECK(got[0].bytes == numbered_frame(0, 60) && got[1].bytes == numbered_frame(2, 1000));
      Frame none[1];
      CHECK_EQUAL(port->receive(0, none, 1), 0u);
      CHECK(!readable(port->wait_descriptor(0), 0));
      Loss losses[4];
      CHECK_EQUAL(port->take_losses(0, losses, 4), 2u);
      CHECK(losses[0].reason == Drop::rx_truncated && losses[0].frames == 1);
      CHECK(losses[1].reason == Drop::malformed && losses[1].frames == 1);
    }
  }
  unlink(path.c_str());
}

TEST(every_kind_says_what_it_takes) {
  for (const PortKind* kind : port_kinds()) {
    CHECK(strlen(kind->summary) > 10, kind->name);
    for (unsigned i = 0; i < kind->option_count; i++) {
      CHECK(strlen(kind->options[i].help) > 5, kind->options[i].name);
      const std::string type = kind->options[i].type;
      CHECK(type == "text" || type == "number" || type == "flag" || type == "mac" || type == "list",
            type);
    }
  }
  CHECK_EQUAL(port_kinds().size(), size_t{8});
  CHECK_EQUAL(uplink_kinds().size(), size_t{3});
}

}  // namespace vtep::test
