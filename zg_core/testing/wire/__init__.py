"""A server on this machine that speaks OpenAI's and Anthropic's wire formats.

```python
async with WireServer("Hello.", Fault(status=429, retry_after=1)) as server:
    ...  # ask f"{server.url}/v1" as OpenAI, or server.url as Anthropic
assert len(server.requests) == 2
```

It answers what it is told to, then whatever its script says, then with a short text
that fits the JSON Schema of the request, always the same. Whoever needs its count
to outlive the client runs it apart, with `serve_apart` or from a shell:

```text
python -m zg_core.testing.wire --port 8009 --latency 0.05 --fail 10:429
curl http://127.0.0.1:8009/_requests
```
"""

from __future__ import annotations

from .answers import Fault, WireAnswer, WireRequest
from .apart import serve_apart
from .server import WireServer

__all__ = ["Fault", "WireAnswer", "WireRequest", "WireServer", "serve_apart"]
