"""Base models, their chat templates and adapters: everything that is loaded, nothing trained.

    find       a name, folder or hub id -> where the model is
    hub        what the hub, the network or the disk refused, in one sentence
    hardware   which device, dtype and attention, each with the reason
    quantize   4 or 8 bits through bitsandbytes
    speech     the chat template, the token that ends a reply, padding
    load       all of these -> model and tokenizer
    render     messages -> tokens and the mask of the person's own words
    targets    which linear layers LoRA is laid on
    adapters   LoRA on a base: new, saved, loaded
    templates  chat templates with generation marks
    seedling   the small base model that ships with the package

Importing this package imports no torch.
"""

import warnings

# Raised at import by tqdm in any notebook without ipywidgets; progress is reported otherwise.
warnings.filterwarnings("ignore", message="IProgress not found")
