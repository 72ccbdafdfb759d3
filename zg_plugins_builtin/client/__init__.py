"""The Python client of the service.

```python
from zg_plugins_builtin.client import Client

with Client("https://zg.example.com", "zgk_live_…") as client:
    job = client.submit("Write a haiku").wait(60)
    print(job.status, job.result)
```
"""

from __future__ import annotations

from ._retrying import Retries
from .asynchronous import AsyncClient, AsyncJob
from .blocking import Client, Job
from .errors import *  # noqa: F403 - the whole tree is public
from .errors import __all__ as _errors
from .limits import *  # noqa: F403
from .limits import __all__ as _limits
from .records import *  # noqa: F403
from .records import __all__ as _records
from .webhooks import SignatureError, verify_webhook

__all__ = [
    "AsyncClient",
    "AsyncJob",
    "Client",
    "Job",
    "Retries",
    "SignatureError",
    "verify_webhook",
    *_errors,
    *_limits,
    *_records,
]
