import subprocess
import sys


def test_importing_the_room_loads_no_heavy_library() -> None:
    code = "import sys, kdops.data; print([m for m in ('datasets', 'pyarrow', 'torch', 'sklearn') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
