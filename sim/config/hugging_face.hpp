// A model's architecture from its config.json, as the Hugging Face hub stores it.
#pragma once

#include <string>

#include "tessera/core/diagnostic.hpp"
#include "tessera/model/model.hpp"

namespace tessera {

// Reads the file of a model whose `model_type` is bert, gpt2, llama, mistral, opt, phi or qwen2.
// Sizes must be there. What may be absent takes the default that the transformers library gives it
// for that type. What an entry would change but Tessera does not model (cross-attention, norms of
// queries and keys, …) is refused; what is left out without changing a count (a sliding window, a
// quantised checkpoint's format) is added to `notes`, where given, as a warning.
// Throws BadInput with every problem at once, UnreadableFile when there is no such file.
[[nodiscard]] ModelSpec model_from_hugging_face(const std::string& path,
                                                Diagnostics* notes = nullptr);

}  // namespace tessera
