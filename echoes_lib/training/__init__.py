"""Two-stage LoRA training: a dataset folder and a base in, an adapter folder out.

    dataset   JSONL of conversations -> tokens and masks, in memory
    batches   what each optimizer step learns from, cut into pieces that fit the memory
    loss      a piece's loss, with logits for the person's own tokens alone
    loop      the steps of a stage; retreat when memory runs out, team of processes, pace
    curve     losses so far, the best weights
    fit       one stage, of training or of a trial
    stages    stage 1, then stage 2 from the best of stage 1, then the folder
    keeper    the state on disk, from which a killed training goes on
    card      what the adapter folder says of itself
    pictures  the losses of both stages in one figure

Importing this package imports no torch.
"""
