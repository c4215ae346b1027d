#pragma once

#include <algorithm>
#include <cstdint>

#include "vector.h"

namespace recnext {

/** Calls `lanes(i, count)` for `size` floats, a vector at a time; the last one may be shorter. */
template <typename Lanes>
inline void EachVector(int64_t size, const Lanes& lanes) {
  int64_t i = 0;
  for (; i + kLanes <= size; i += kLanes) lanes(i, kLanes);
  if (i < size) lanes(i, static_cast<int>(size - i));
}

/** `V` vectors of neighbouring channels, the last of `tail` lanes. */
template <int V>
struct Channels {
  int tail;
  Vec Take(const float* from, int v) const {
    return v == V - 1 ? LoadSome(from + v * kLanes, tail) : Load(from + v * kLanes);
  }
  void Put(float* to, int v, Vec value) const {
    if (v == V - 1)
      StoreSome(to + v * kLanes, value, tail);
    else
      Store(to + v * kLanes, value);
  }
};

/** Calls `block(Channels<V>, c)` for the channels from c on, four vectors at a time. */
template <typename Block>
inline void EachBlock(int64_t channels, const Block& block) {
  for (int64_t c = 0; c < channels;) {
    const int64_t left = (channels - c + kLanes - 1) / kLanes;
    const int count = static_cast<int>(std::min<int64_t>(left, 4));
    const int tail = static_cast<int>(std::min<int64_t>(kLanes, channels - c - (count - 1) * kLanes));
    switch (count) {
      case 1: block(Channels<1>{tail}, c); break;
      case 2: block(Channels<2>{tail}, c); break;
      case 3: block(Channels<3>{tail}, c); break;
      default: block(Channels<4>{tail}, c);
    }
    c += count * kLanes;
  }
}

/** Two sums for each of some channels, in registers. */
template <int V>
struct Sums {
  Vec first[V] = {}, second[V] = {};
  void Store(const Channels<V>& channels, float* to_first, float* to_second) const {
    for (int v = 0; v < V; v++) {
      channels.Put(to_first, v, first[v]);
      channels.Put(to_second, v, second[v]);
    }
  }
};

}  // namespace recnext
