"""Search for the best LoRA and learning rate: an Optuna study of short trainings.

    study     make or resume the study, run what is missing
    trial     one trial: suggest, train, prune, record
    record    best.yaml and trials.json
    pictures  history and importance

Importing this package imports neither optuna nor torch.
"""
