"""Base models, their chat templates and adapters: everything that is loaded, nothing trained.

    hardware   which device, dtype and attention, each with the reason
    load       a name, folder or hub id -> model and tokenizer
    render     messages -> tokens and the mask of the person's own words
    adapters   LoRA on a base: new, saved, loaded
    templates  chat templates with generation marks
    seedling   the small base model that ships with the package

Importing this package imports no torch.
"""

import warnings

# Raised at import by tqdm in any notebook without ipywidgets; progress is reported otherwise.
warnings.filterwarnings("ignore", message="IProgress not found")
