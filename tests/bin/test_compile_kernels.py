"""What is compiled at set-up is what a training step calls: each kernel of the format in use, forward and backward."""

import pytest

from app.lm.kernels import packed_attention, packed_attention_backward, training_elementwise
from bin.compile_kernels import main


@pytest.mark.parametrize(("formats", "count"), [([], 1), (["float32", "bfloat16"], 2)])
def test_each_kernel_of_a_step_is_compiled(formats: list[str], count: int) -> None:
    """Five of elementwise (norm and gate, forward and backward, softmax), and attention forward and backward."""
    caches = (training_elementwise._address, packed_attention._address, packed_attention_backward._address)
    for cache in caches:
        cache.cache_clear()
    main(formats)
    assert [cache.cache_info().currsize for cache in caches] == [5 * count, count, count]
