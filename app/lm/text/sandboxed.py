"""Runs an untrusted part of a model (its chat template, its tokenizer): the start of a process of its own,
`python -I sandboxed.py PROGRAM FOLDER...`, by sandbox.py. PROGRAM is a file beside this one; neither imports
anything else of this program. FOLDERs hold the libraries that -I does not look for: of the home, of PYTHONPATH.

No sandbox keeps a loop or a regular expression from running for years, or a text from growing without end: so the
address space is limited, work that takes too much processor time ends the process, and no file can be written.

Standard input: a line for PROGRAM's `opened`, then a line for each piece of work. Standard output: for each of the
latter a line with {"done"} or {"error"}.
"""

import json
import runpy
import signal
import sys
from collections.abc import Callable
from typing import Any


def reply(work: Callable[[str], Any], line: str) -> dict[str, Any]:
    try:
        return {"done": work(line)}
    except MemoryError:
        return {"error": "it needs too much memory"}
    except RecursionError:
        return {"error": "it calls itself without end"}
    except BaseException as error:  # anything may come, Rust's panics too: a sentence for the one who asked
        return {"error": str(error) or type(error).__name__}
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def limit_resources(memory_bytes: int) -> None:
    import resource

    for what, most in ((resource.RLIMIT_AS, memory_bytes), (resource.RLIMIT_FSIZE, 0), (resource.RLIMIT_CORE, 0)):
        try:
            resource.setrlimit(what, (most, most))
        except (ValueError, OSError):  # macOS knows no limit of the address space
            continue


def main() -> None:
    sys.path.extend(folder for folder in sys.argv[2:] if folder not in sys.path)
    program = runpy.run_path(sys.argv[1])
    limit_resources(program["MEMORY_BYTES"])
    begin = json.loads(sys.stdin.readline())
    opened: list[Callable[[Any], Any]] = []

    def work(line: str) -> Any:
        """Under the time limit: when it runs out, the system ends this process."""
        if not opened:  # what cannot be opened fails at every request
            signal.setitimer(signal.ITIMER_PROF, program["OPENING_SECONDS"])
            opened.append(program["opened"](begin))
        signal.setitimer(signal.ITIMER_PROF, program["CPU_SECONDS"])
        return opened[0](json.loads(line))

    for line in sys.stdin:
        print(json.dumps(reply(work, line)), flush=True)


if __name__ == "__main__":
    main()
