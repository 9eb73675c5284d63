"""PyTorch's LSTM on the same GPU: eager and as a graph, in each of its precisions."""

from benchmarks.gpu.clock import time_calls


def torch_event():
    import torch

    first, last = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    first.record()

    def end():
        last.record()

        def elapsed():
            last.synchronize()
            return first.elapsed_time(last)

        return elapsed

    return end


def torch_network(shape, mode):
    """Return x, y, the network's function and its parameters, in one of the precisions."""
    import torch

    torch.backends.cuda.matmul.allow_tf32 = mode == "tf32"
    torch.backends.cudnn.allow_tf32 = mode == "tf32"
    dtype = torch.bfloat16 if mode == "bf16" else torch.float32
    torch.manual_seed(0)
    options = {"device": "cuda", "dtype": dtype}
    lstm = torch.nn.LSTM(shape.F, shape.H, shape.layers, **options)
    head = torch.nn.Linear(shape.H, 1, **options)
    x = torch.rand(shape.T, shape.N, shape.F, **options)
    y = torch.rand(shape.N, 1, **options)

    def predict():
        outputs, _ = lstm(x)
        return head(outputs if shape.every_step else outputs[-1])

    def loss():
        return ((predict() - y) ** 2).mean()

    return predict, loss, [*lstm.parameters(), *head.parameters()]


def time_torch(shape, mode, graphed, budget=0.3):
    """Time PyTorch's forward pass and training step, eagerly or as a CUDA graph."""
    import torch

    predict, loss, parameters = torch_network(shape, mode)
    optimizer = torch.optim.Adam(parameters, fused=True, capturable=graphed)

    def forward():
        with torch.no_grad():
            predict()

    def step():
        optimizer.zero_grad(set_to_none=True)
        loss().backward()
        optimizer.step()

    found = {}
    for name, call in (("forward", forward), ("train", step)):
        if graphed:
            side = torch.cuda.Stream()
            side.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(side):
                for _ in range(3):
                    call()
            torch.cuda.current_stream().wait_stream(side)
            recorded = torch.cuda.CUDAGraph()
            with torch.cuda.graph(recorded):
                call()
            call = recorded.replay
        found[name] = time_calls(call, torch.cuda.synchronize, torch_event, budget)
    return found


def time_cublas(A, B):
    """Time PyTorch's products of A and B, and of A transposed and the result."""
    import torch

    torch.backends.cuda.matmul.allow_tf32 = False
    A, B = (torch.from_numpy(one).cuda() for one in (A, B))
    out = A @ B
    calls = {"cublas": lambda: torch.mm(A, B, out=out), "cublas TN": lambda: A.T @ out}
    return {
        label: time_calls(call, torch.cuda.synchronize, torch_event, 0.1)
        for label, call in calls.items()
    }


def names_of_kernels(shape):
    """Name the kernels that PyTorch runs, by their share of time."""
    import torch
    from torch.profiler import ProfilerActivity, profile

    _, loss, _ = torch_network(shape, "fp32")
    loss().backward()
    torch.cuda.synchronize()
    with profile(activities=[ProfilerActivity.CUDA]) as record:
        loss().backward()
        torch.cuda.synchronize()
    events = sorted(record.key_averages(), key=lambda e: -e.device_time_total)[:4]
    return [f"{e.device_time_total:.0f} us x{e.count} {e.key[:110]}" for e in events]
