"""The choice between COPY and merging."""

_MOST_MERGES = 256


class CopyBackoff:
    """The choice between COPY and merging for the next batch; one object for each process that writes.

    COPY is the fastest insert, but has no ON CONFLICT: a single reading whose key is stored already undoes
    the whole batch. So after a failed COPY the next batches are merged, up to 256 of them, twice as many
    after each failure; merged batches without such a key count down to the next COPY. Threads may share the
    object: a lost update does no harm.
    """

    def __init__(self) -> None:
        self._to_merge = 0
        self._next = 1

    @property
    def advises_merging(self) -> bool:
        return self._to_merge > 0

    def copied(self) -> None:
        """Note that a COPY succeeded."""
        self._next = 1

    def failed(self) -> None:
        """Note that a COPY failed on a stored key."""
        self._to_merge = self._next
        self._next = min(2 * self._next, _MOST_MERGES)

    def merged(self, *, all_new: bool) -> None:
        """Note that a batch was merged, whose keys were all new or not."""
        if all_new and self._to_merge:
            self._to_merge -= 1
