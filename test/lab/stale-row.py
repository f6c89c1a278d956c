# Gives a MAC the place of another one in the tables of a running dataplane, behind the backs of all that own them: the
# memory of its process is written. A bucket of the MAC table (native/core/hash_table.hpp) is 64 bytes: generation, then
# five destination words, five keys of eight bytes; a key is MAC and network index.
# Usage: stale-row.py PID MAC LIKE
import os, sys

pid, mac, like = sys.argv[1], *(bytes.fromhex(word.replace(":", "")) for word in sys.argv[2:4])
base = name = None
with open(f"/proc/{pid}/maps") as maps:
    for line in maps:
        words = line.split(maxsplit=5)
        if len(words) == 6 and "vtep-segment" in words[5] and "w" in words[1]:
            base, offset = int(words[0].split("-")[0], 16), int(words[2], 16)
            break
for number in os.listdir(f"/proc/{pid}/fd"):
    if "vtep-segment" in os.readlink(f"/proc/{pid}/fd/{number}"):
        name = f"/proc/{pid}/fd/{number}"
if base is None or name is None:
    sys.exit(f"process {pid} has no segment")

bucket_bytes, first_word, first_key, slots_per_bucket = 64, 4, 24, 5


def rows(octets):
    """Where in the file the destination words of the MAC are, and what they say. Holes are left holes."""
    found = []
    with open(name, "rb", buffering=0) as file:
        end, at = os.fstat(file.fileno()).st_size, 0
        while at < end:
            try:
                start = os.lseek(file.fileno(), at, os.SEEK_DATA)
            except OSError:
                break
            at = os.lseek(file.fileno(), start, os.SEEK_HOLE)
            data = os.pread(file.fileno(), at - start, start)
            index = data.find(octets)
            while index >= 0:
                bucket, inside = index - index % bucket_bytes, index % bucket_bytes
                slot, rest = divmod(inside - first_key, 8)
                word = bucket + first_word + 4 * slot
                if rest == 0 and 0 <= slot < slots_per_bucket and any(data[word : word + 4]):
                    found.append((start + word, data[word : word + 4]))
                index = data.find(octets, index + 1)
    return found


wanted = rows(like)
changes = [(at, other) for at, _ in rows(mac) for _, other in wanted]
if len(changes) != 1:
    sys.exit(f"expected one row of {sys.argv[2]} and one of {sys.argv[3]}, got {len(changes)} pairs")
with open(f"/proc/{pid}/mem", "r+b", buffering=0) as memory:
    for at, other in changes:
        memory.seek(base - offset + at)
        memory.write(other)
