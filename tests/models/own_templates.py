"""How the base models' own chat templates render, written anew for the tests.

Each is what the model's tokenizer would bring: no generation marks, the same text. The
training templates are held to them.

Shape: family -> the text of a Jinja template.
"""

# Mistral-7B-Instruct-v0.3 without tools: the persona stands before the last question, and
# only while no answer follows.
MISTRAL = """{%- set persona = messages[0]["content"] if messages[0]["role"] == "system" -%}
{%- set turns = messages[1:] if persona else messages -%}
{{- bos_token -}}
{%- for turn in turns -%}
    {%- if turn["role"] == "user" and loop.last and persona -%}
        {{- "[INST] " + persona + "\n\n" + turn["content"] + "[/INST]" -}}
    {%- elif turn["role"] == "user" -%}
        {{- "[INST] " + turn["content"] + "[/INST]" -}}
    {%- elif turn["role"] == "assistant" -%}
        {{- " " + turn["content"]|trim + eos_token -}}
    {%- endif -%}
{%- endfor -%}"""

# SmolLM2-Instruct: ChatML, and a system message of its own where there is none.
SMOLLM2 = """{%- if messages[0]["role"] != "system" -%}
    {{- "<|im_start|>system\nYou are a helpful AI assistant named SmolLM, " -}}
    {{- "trained by Hugging Face<|im_end|>\n" -}}
{%- endif -%}
{%- for turn in messages -%}
    {{- "<|im_start|>" + turn["role"] + "\n" + turn["content"] + "<|im_end|>\n" -}}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- "<|im_start|>assistant\n" -}}{%- endif -%}"""

# Llama-2-chat and CodeLlama-Instruct: the persona inside the first question, each question
# begun anew, blanks around every mark.
LLAMA2 = """{%- set opened = messages[0]["role"] == "system" -%}
{%- set persona = messages[0]["content"] if opened else none -%}
{%- set turns = messages if persona is none else messages[1:] -%}
{%- for turn in turns -%}
    {%- if (turn["role"] == "user") != (loop.index0 % 2 == 0) -%}
        {{- raise_exception("roles must alternate") -}}
    {%- endif -%}
    {%- set said = turn["content"] -%}
    {%- if loop.index0 == 0 and persona is not none -%}
        {%- set said = "<<SYS>>\n" + persona + "\n<</SYS>>\n\n" + said -%}
    {%- endif -%}
    {%- if turn["role"] == "user" -%}
        {{- bos_token + "[INST] " + said.strip() + " [/INST]" -}}
    {%- else -%}
        {{- " " + said.strip() + " " + eos_token -}}
    {%- endif -%}
{%- endfor -%}"""

# Phi-3-medium-instruct: the reply is opened behind every question; system messages vanish.
PHI3 = """{%- for turn in messages -%}
    {%- if turn["role"] == "user" -%}
        {{- "<|user|>\n" + turn["content"] + "<|end|>\n" + "<|assistant|>\n" -}}
    {%- elif turn["role"] == "assistant" -%}
        {{- turn["content"] + "<|end|>\n" -}}
    {%- endif -%}
{%- endfor -%}"""

# Phi-3-mini-instruct: a system role; the end of text behind what is no prompt.
PHI3_MINI = """{%- for turn in messages -%}
    {%- if turn["role"] in ("system", "user", "assistant") -%}
        {{- "<|" + turn["role"] + "|>\n" + turn["content"] + "<|end|>\n" -}}
    {%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}
    {{- "<|assistant|>\n" -}}
{%- else -%}
    {{- eos_token -}}
{%- endif -%}"""

# The training template that must be found for each.
FOUND = {
    "mistral": (MISTRAL, "mistral_v3"),
    "llama2": (LLAMA2, "llama2"),
    "codellama": (LLAMA2, "llama2"),
    "phi3": (PHI3, "phi3"),
    "phi3_mini": (PHI3_MINI, "phi3_mini"),
    "smollm2": (SMOLLM2, "chatml"),
}
