#include "tessera/memory/device_allocator.hpp"

#include "tessera/core/contract.hpp"

namespace tessera {

std::unique_ptr<DeviceAllocator> make_device_allocator(const AllocatorSpec& spec,
                                                       std::optional<Bytes> device_memory) {
  TESSERA_INVARIANT(!problem_with(spec), "an allocator is made of valid settings");
  TESSERA_INVARIANT(!device_memory || *device_memory > Bytes{0}, "a device has memory");
  return std::visit([&](const auto& s) { return make_device_allocator(s, device_memory); }, spec);
}

}  // namespace tessera
