"""The official client of OpenAI's API talks with `./alchemist serve`; answers are those of transformers.

And a correction sent over HTTP changes the answer, since the server learns.
"""

import argparse
import re
import subprocess
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import openai
import peers
import torch

NEW_TOKENS = 32
START_SECONDS = 240
LEARN_SECONDS = 120

# Greedy answers in which no token is closer to the second likeliest than 0.05, far above rounding.
QUESTIONS = [
    "What is the capital of France?",
    "What is the sea?",
    "What is photosynthesis?",
    "Nenne drei Städte in Österreich.",
]
LESSON = ("What is the capital of Atlantis?", "The capital of Atlantis is Poseidonia.")


@contextmanager
def serving(launcher, model):
    """Starts the server on a free port and yields a client; ends it as Ctrl-C's sibling SIGTERM does."""
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "server.log"
        command = [launcher, "serve", "--learn", "--learning-rate", "2e-3", "--memory", "4096", "--model", model, "--port", "0",
                   "--feedback", Path(folder) / "feedback.jsonl"]
        with log.open("w") as output:
            process = subprocess.Popen([str(part) for part in command], stdout=output, stderr=subprocess.STDOUT)
        try:
            yield openai.OpenAI(base_url=address(process, log), api_key="none", max_retries=0, timeout=120)
        except openai.APIConnectionError as error:
            status = process.poll()
            raise AssertionError(f"{error} Server's status: {status}. Its log: {log.read_text()[-2000:]}") from error
        finally:
            process.terminate()
            process.wait(60)


def address(process, log):
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        found = re.search(r" at (http://\S+)", log.read_text())
        if found:
            return found.group(1)
        time.sleep(0.2)
    raise AssertionError(f"the server did not start: {log.read_text()[-2000:]}")


def chat(client, model, question, **options):
    return client.chat.completions.create(
        model=model,
        messages=[{"role": "user", "content": question}],
        max_tokens=NEW_TOKENS,
        temperature=0,
        **options,
    )


def expected_chat(tokenizer, model, question):
    ids = tokenizer.apply_chat_template(
        [{"role": "user", "content": question}], add_generation_prompt=True, return_tensors="pt", return_dict=False
    )
    with torch.no_grad():
        all_ids = model.generate(
            ids, attention_mask=torch.ones_like(ids), max_new_tokens=NEW_TOKENS, do_sample=False, pad_token_id=0
        )
    return ids.shape[1], tokenizer.decode(all_ids[0, ids.shape[1] :], skip_special_tokens=True)


def check_chats(client, name, tokenizer, model):
    with ThreadPoolExecutor(len(QUESTIONS)) as pool:
        answers = list(pool.map(lambda question: chat(client, name, question), QUESTIONS))
    for question, answer in zip(QUESTIONS, answers, strict=True):
        prompt_tokens, text = expected_chat(tokenizer, model, question)
        assert answer.usage.prompt_tokens == prompt_tokens, f"{question}: {answer.usage}, not {prompt_tokens} tokens"
        assert answer.choices[0].message.content == text, f"{question}: {answer.choices[0].message.content!r}, not {text!r}"

    chunks = list(chat(client, name, QUESTIONS[1], stream=True, stream_options={"include_usage": True}))
    streamed = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert streamed == answers[1].choices[0].message.content, streamed
    assert chunks[-1].usage.completion_tokens == answers[1].usage.completion_tokens
    return answers


def check_completions(client, name, tokenizer):
    prompt = "The capital of France is"
    options = dict(model=name, max_tokens=8, temperature=0)
    text = client.completions.create(prompt=prompt, logprobs=3, **options).choices[0]
    ids = client.completions.create(prompt=tokenizer(prompt)["input_ids"], **options).choices[0]
    assert text.text == ids.text and "Paris" in text.text, (text.text, ids.text)
    assert len(text.logprobs.token_logprobs) == 8 and all(len(top) == 3 for top in text.logprobs.top_logprobs)
    stopped = client.completions.create(prompt=prompt, stop=["."], **options).choices[0]
    assert stopped.finish_reason == "stop" and stopped.text == text.text.split(".")[0], stopped
    try:
        client.completions.create(prompt=[10**6], **options)
        raise AssertionError("a token beyond the vocabulary was taken")
    except openai.BadRequestError as refusal:
        assert refusal.param == "prompt", refusal


def check_learning(client, name):
    question, correction = LESSON
    before = chat(client, name, question)
    body = {"turn_id": before.id, "kind": "correction", "text": correction}
    client.post("/feedback", cast_to=object, body=body)
    deadline = time.monotonic() + LEARN_SECONDS
    while time.monotonic() < deadline:
        after = chat(client, name, question).choices[0].message.content
        if correction in after:
            return before.choices[0].message.content, after
        time.sleep(1)
    raise AssertionError(f"a correction was not learnt: {after!r}")


def check(launcher):
    gguf = peers.packaged_model()
    tokenizer, model = peers.load_transformers(gguf)
    with serving(launcher, gguf) as client:
        (name,) = [served.id for served in client.models.list()]
        check_chats(client, name, tokenizer, model)
        check_completions(client, name, tokenizer)
        before, after = check_learning(client, name)
    return f"{len(QUESTIONS)} chats at once as transformers; one correction turns {before[:40]!r} into {after[:40]!r}"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--launcher", required=True, help="the script that starts the server")
    arguments = parser.parse_args()
    peers.finish("openai client", lambda: check(arguments.launcher))
