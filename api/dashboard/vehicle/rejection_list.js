// Messages and readings of this vehicle that could not be stored.

import { fact, make } from "../core/element.js";
import { timeElement } from "../core/clock.js";
import { quantity, words } from "../core/format.js";
import { PagedList } from "../core/paged_list.js";

/** @param {(next: string) => Promise<any>} more */
export function rejectionList(more) {
  return new PagedList({ title: "Rejected messages", nothing: "No message of this vehicle was rejected.", row, more });
}

function row({ id, received_at, reason, detail, index, topic, payload_bytes }) {
  return make(
    "details",
    { "data-key": id },
    make("summary", {}, make("strong", {}, words(reason)), timeElement(received_at)),
    make("p", {}, detail),
    make(
      "dl",
      { class: "facts" },
      ...fact("Topic", topic || "none"),
      ...fact("Place in the array", index === null ? "the whole message" : String(index)),
      ...fact("Payload", quantity(payload_bytes, "bytes", 0)),
      ...fact("Id", id),
    ),
  );
}
