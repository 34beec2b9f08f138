"""Add to a lock file each package that has extras without them too.

Where pip demands hashes, older releases of it take `pydantic[email]` and `pydantic` for two names, and ask for both:

    python name_plainly.py FILE
"""

import re
import sys
from pathlib import Path

WITH_EXTRAS = re.compile(r"^([a-z0-9._-]+)\[[^\]]*\](==\S+ \\\n(?:    --hash=\S+(?: \\)?\n)+)", re.MULTILINE)

lock = Path(sys.argv[1])
text = lock.read_text()
lock.write_text(text + "".join(name + rest for name, rest in WITH_EXTRAS.findall(text)))
