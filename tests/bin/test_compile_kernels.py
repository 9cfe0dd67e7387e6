"""What is compiled at set-up is what a training step calls: each kernel of the format in use, forward and backward."""

from app.lm.kernels import packed_attention, packed_attention_backward, training_elementwise
from bin.compile_kernels import main


def test_each_kernel_of_a_step_is_compiled() -> None:
    """Five of elementwise (norm and gate, forward and backward, softmax), and attention forward and backward."""
    caches = (training_elementwise._address, packed_attention._address, packed_attention_backward._address)
    for cache in caches:
        cache.cache_clear()
    main()
    assert [cache.cache_info().currsize for cache in caches] == [5, 1, 1]
