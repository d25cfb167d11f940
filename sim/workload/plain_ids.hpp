// Lists of ids in JSON as programs write them: whole numbers of up to eight digits with ", " or
// with "," between them, read several at a time.
#pragma once

#include "sim/workload/content_lists.hpp"
#include "sim/workload/plain_text.hpp"

namespace tessera {

// Takes such a list, of one id or more, from behind its '[' to behind its ']', as the open list.
// False, with `text` where it was and the open list in no defined state, for one that is not plain.
[[nodiscard]] bool take_plain_ids(PlainText& text, ContentLists& lists);

}  // namespace tessera
