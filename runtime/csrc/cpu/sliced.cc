// SPDX-License-Identifier: Apache-2.0
#include "cpu/sliced.h"

#include <algorithm>
#include <type_traits>

#include "cpu/elements.h"

namespace snncc {

// Some neurons of all slices, and what they have between phases, on the stack.
template <class Tables>
template <class Element>
class SlicedCall<Tables>::Block {
 public:
  Block(const SlicedCall& call, int64_t begin, int64_t size, const Lane& scale) : call_(call), begin_(begin) {
    span_.size = size;
    span_.scale = scale;
  }

  void run(const WaitPhases& tables) {
    std::fill_n(number_, span_.size, tables.steps);
    std::fill_n(value_, span_.size, 0.0f);
    const int32_t slices = tables.steps - tables.wait + 1;
    for (int32_t j = 0; j < slices; ++j) {
      read(j);  // every slice is read before one is written, perhaps over it
      kernels().look(tables, j, j < slices - 1 ? j + 1 : tables.steps, span_, states_);
    }
    for (int32_t j = 0; j < slices; ++j) {
      write(j, [&] { kernels().send(tables.wait - 1 + j, span_, states_); });
    }
  }

  void run(const EncoderPhases& tables) {
    read(0);
    kernels().charge(tables.phases.is_signed != 0, span_, states_);
    for (int32_t p = 0; p < tables.phases.steps; ++p) {
      kernels().fire(tables.phases, p, span_, states_);
      if (p >= tables.wait - 1) {
        write(p - tables.wait + 1, [&] { kernels().tell(span_, states_); });
      }
    }
  }

 private:
  const SliceKernels& kernels() const { return call_.variant_.slices; }

  int64_t place(int32_t slice) const { return begin_ + slice * call_.each_.size; }

  void read(int32_t slice) {
    const auto* x = static_cast<const Element*>(call_.each_.x) + place(slice);
    span_.x = as_floats(call_.variant_, x, buffer_, span_.size);
  }

  // `fill` gives the slice's values and counts.
  template <class Fill>
  void write(int32_t slice, const Fill& fill) {
    auto* y = static_cast<Element*>(call_.each_.y) + place(slice);
    span_.count = call_.each_.count == nullptr ? nullptr : call_.each_.count + place(slice);
    if constexpr (std::is_same_v<Element, float>) {
      span_.y = y;
      fill();
    } else {
      span_.y = buffer_;
      fill();
      from_floats(call_.variant_, buffer_, y, span_.size);
    }
  }

  const SlicedCall& call_;
  int64_t begin_;
  Span span_{};
  alignas(64) float buffer_[kBlock];
  alignas(64) float rest_[kBlock];
  alignas(64) float sign_[kBlock];
  alignas(64) float value_[kBlock];
  alignas(64) int32_t number_[kBlock];
  const SliceStates states_{rest_, sign_, value_, number_};
};

template <class Tables>
SlicedCall<Tables>::SlicedCall(const Tables& tables, const SlicedTensors& tensors)
    : variant_(current_variant()),
      tables_(tables),
      each_(tensors.each),
      unit_scale_(is_one(tensors.each.scale)) {}

template <class Tables>
void SlicedCall<Tables>::run(int64_t begin, int64_t end) const {
  const Parameter scale(each_.scale);
  float buffer[kBlock];
  while (begin < end) {
    int64_t size = std::min(end - begin, kBlock);
    size = unit_scale_ ? size : scale.reach(begin, size);
    const Lane lane = unit_scale_ ? Lane{} : scale.lane(begin, size, buffer);
    for_type(each_.type, [&](auto element) { Block<decltype(element)>(*this, begin, size, lane).run(tables_); });
    begin += size;
  }
}

template class SlicedCall<WaitPhases>;
template class SlicedCall<EncoderPhases>;

}  // namespace snncc
