"""AdamW (Loshchilov & Hutter 2019) as torch has it, without torch's compiler.

torch wraps an optimizer's methods, so that code which it compiles passes over them; for that it loads the compiler in
every process that trains. Ours call them outside of compiled code: here are the same methods without the wrapping.
"""

import inspect

import torch

_AdamW = torch.optim.AdamW


class Adam(_AdamW):
    """`torch.optim.AdamW(..., fused=True)` to the bit, its state as well."""

    add_param_group = inspect.unwrap(_AdamW.add_param_group)
    load_state_dict = inspect.unwrap(_AdamW.load_state_dict)
    state_dict = inspect.unwrap(_AdamW.state_dict)
    zero_grad = inspect.unwrap(_AdamW.zero_grad)
    step = torch.no_grad()(inspect.unwrap(_AdamW.step))
