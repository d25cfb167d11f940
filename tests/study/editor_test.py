# Drives yaml-language-server as an editor does: what it completes and marks in a scenario, by the
# schema that `tessera schema` prints.
#
#   editor_test.py PROGRAM YAML_LANGUAGE_SERVER
import json
import pathlib
import subprocess
import sys
import tempfile

program, server = sys.argv[1:]


class Editor:
    def __init__(self, command, folder):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL)
        self.folder = folder
        self.number = 0
        self.marks = {}
        self.ask("initialize", {"processId": None, "rootUri": folder.as_uri(), "capabilities": {
            "textDocument": {"completion": {"completionItem": {"snippetSupport": False}}}}})
        self.tell("initialized", {})
        self.tell("workspace/didChangeConfiguration", {"settings": {"yaml": {
            "completion": True, "validate": True, "schemaStore": {"enable": False}}}})

    def send(self, message):
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        self.process.stdin.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
        self.process.stdin.flush()

    def receive(self):
        length = 0
        while line := self.process.stdout.readline().strip():
            name, value = line.split(b": ")
            length = int(value) if name == b"Content-Length" else length
        message = json.loads(self.process.stdout.read(length))
        if message.get("method") == "textDocument/publishDiagnostics":
            self.marks[message["params"]["uri"]] = message["params"]["diagnostics"]
        elif "method" in message and "id" in message:
            count = len(message.get("params", {}).get("items", [])) or 1
            self.send({"id": message["id"], "result": [None] * count})
        return message

    def tell(self, method, params):
        self.send({"method": method, "params": params})

    def ask(self, method, params):
        self.number += 1
        self.send({"id": self.number, "method": method, "params": params})
        while (answer := self.receive()).get("id") != self.number or "method" in answer:
            pass
        return answer["result"]

    def open(self, name, text):
        uri = (self.folder / name).as_uri()
        self.tell("textDocument/didOpen", {"textDocument": {
            "uri": uri, "languageId": "yaml", "version": 1, "text": text}})
        return uri

    # The labels offered at the end of the text.
    def completions(self, name, text):
        uri = self.open(name, text)
        line = text.count("\n")
        items = self.ask("textDocument/completion", {
            "textDocument": {"uri": uri},
            "position": {"line": line, "character": len(text) - text.rfind("\n") - 1}})
        items = items["items"] if isinstance(items, dict) else items
        return {item["label"] for item in items}

    # The messages of what is marked in the text.
    def problems(self, name, text):
        uri = self.open(name, text)
        while uri not in self.marks:
            self.receive()
        return [mark["message"] for mark in self.marks[uri]]


first = "# yaml-language-server: $schema=scenario.schema.json\n"


def must(condition, what):
    if not condition:
        sys.exit(f"it does not hold that {what}")


with tempfile.TemporaryDirectory() as name:
    folder = pathlib.Path(name)
    schema = subprocess.run([program, "schema"], check=True, capture_output=True).stdout
    (folder / "scenario.schema.json").write_bytes(schema)
    editor = Editor([server, "--stdio"], folder)
    keys = editor.completions("keys.yaml", first + "mod")
    must({"model", "hardware", "engine", "workload", "slo", "sweep"} <= keys,
         f"the keys of a scenario are offered: {sorted(keys)}")
    inner = editor.completions("inner.yaml", first + "model: gpt2\nengine:\n  ")
    must({"policy", "kv_cache", "memory", "parallel"} <= inner,
         f"the keys of the engine are offered: {sorted(inner)}")
    gpus = editor.completions("gpus.yaml", first + "model: gpt2\nhardware:\n  gpu: ")
    must({"t4", "h100", "a100-80gb"} <= gpus, f"the GPUs are offered: {sorted(gpus)}")
    kinds = editor.completions("kinds.yaml", first + "model: gpt2\nengine:\n  policy:\n    kind: ")
    must({"vllm_v1", "sarathi", "orca"} <= kinds, f"the policies are offered: {sorted(kinds)}")
    zipped = editor.completions("sweep.yaml", first + "model: gpt2\nsweep:\n  ")
    must("zip" in zipped, f"zip is offered: {sorted(zipped)}")
    good = editor.problems("good.yaml", first + "model: gpt2\nseed: 3\nsweep: {seed: [1, 2]}\n")
    must(good == [], f"nothing is marked in a good scenario: {good}")
    bad = editor.problems("bad.yaml", first + "model: gpt2\nsed: 3\n")
    must(any("sed" in message for message in bad), f"an unknown key is marked: {bad}")
    editor.process.kill()
print("completes keys, presets and kinds, and marks what is unknown")
