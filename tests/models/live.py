"""Follow the bytes of all tensors that operations make, exactly, on any device.

Shape: a block of PyTorch code -> its peak of live storage in bytes, gradients included.
"""

import weakref

from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


class LiveBytes(TorchDispatchMode):
    """Counts storages from the operation that makes them until nothing holds them."""

    def __init__(self, known):
        """Begin with the parameters that are `known` and not to be counted."""
        super().__init__()
        self.now = self.peak = 0
        self._live = {tensor.untyped_storage()._cdata: 0 for tensor in known}

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        for tensor in tree_leaves(result):
            if isinstance(tensor, Tensor):
                self._add(tensor.untyped_storage())
        return result

    def _add(self, storage):
        if storage._cdata in self._live:
            return
        self._live[storage._cdata] = storage.nbytes()
        self.now += storage.nbytes()
        self.peak = max(self.peak, self.now)
        weakref.finalize(storage, self._drop, storage._cdata)

    def _drop(self, place):
        self.now -= self._live.pop(place, 0)
