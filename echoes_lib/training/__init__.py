"""Two-stage LoRA training: a dataset folder and a base in, an adapter folder out.

    dataset   JSONL of conversations -> tokens and masks, in memory
    fit       one stage: TRL's trainer with our batches, losses and best-keeping
    stages    stage 1, then stage 2 from the best of stage 1, then the folder
    pictures  the losses of both stages in one figure

Importing this package imports no torch.
"""
