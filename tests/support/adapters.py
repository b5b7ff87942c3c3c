"""Adapters with random weights."""


def write_adapter(base, folder, std=0.1, **options):
    """Write a random adapter in float16, as the stage train keeps one."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    torch.manual_seed(7)
    options = {"r": 8, "lora_alpha": 16, "target_modules": "all-linear"} | options
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    model = get_peft_model(model, LoraConfig(task_type="CAUSAL_LM", **options))
    for name, weights in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weights, std=std)
    model.to(torch.float16).save_pretrained(folder)
    (folder / "NOTICE").write_text("whose it is\n")
    return folder
