"""What filters and scores both measure in a text; each measure is a module of its own.

Imports nothing by itself; it only quietens two libraries that the sentence encoder brings.
"""

import logging
import warnings

# tqdm looks for notebook widgets that the project does without.
warnings.filterwarnings("ignore", message="IProgress not found")
# bitsandbytes, where installed, warns of CPU kernels that it could fetch from the network.
logging.getLogger("bitsandbytes").setLevel(logging.ERROR)
