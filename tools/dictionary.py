"""Your own vocabulary: python tools/dictionary.py {build,add,search,evaluate,page}."""

import sys

from masa_mm.apis.dictionary import dictionary

if __name__ == "__main__":
    sys.exit(dictionary())
