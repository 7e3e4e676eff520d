// The real binary with a rules file, a store and sockets of its own, all in a folder that goes when the test does.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "../../..");
export const binary = process.env.HOOKSWITCH_BINARY ?? join(root, "target/debug/hookswitch");

/** How long anything here may take before it counts as broken: generous, because a test machine may be busy. */
export const PATIENCE_MS = Number(process.env.HOOKSWITCH_PATIENCE_MS ?? 30_000);

/** Asks `probe` until it answers with something, and gives that back. The only place where time passes by itself. */
export async function eventually(what, probe) {
  const until = Date.now() + PATIENCE_MS;
  for (;;) {
    const found = await probe();
    if (found) return found;
    if (Date.now() > until) throw new Error(`it never came to this: ${what}`);
    await new Promise((again) => setTimeout(again, 25));
  }
}

export class Instance {
  /**
   * Starts one. `rules` is the text of its file; `environment` what that may refer to.
   * @param {{rules: string, environment?: Record<string, string>, files?: Record<string, string>, adminHost?: string}} options
   */
  static async start({ rules, environment = {}, files = {}, adminHost = "127.0.0.1" }) {
    const instance = new Instance();
    instance.folder = mkdtempSync(join(tmpdir(), "hookswitch-browser-"));
    instance.environment = environment;
    instance.rulesFile = join(instance.folder, "rules.yaml");
    for (const [name, text] of Object.entries(files)) writeFileSync(join(instance.folder, name), text);
    instance.write(rules);
    await instance.#run("127.0.0.1:0", `${adminHost}:0`);
    return instance;
  }

  /** Writes the rules file, as an editor would; whether it is read now is `reload`'s to say. */
  write(rules) {
    writeFileSync(this.rulesFile, rules);
  }

  /** Ends it and starts it again on the same folder and the same ports. */
  async restart() {
    await this.end();
    await this.#run(this.listen, this.admin);
  }

  async end() {
    if (this.child.exitCode !== null) return;
    const gone = once(this.child, "exit");
    this.child.kill("SIGTERM");
    await gone;
  }

  /** Ends it and takes its folder away. */
  async close() {
    await this.end();
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** The address of a page or of the API. */
  url(path = "/") {
    return `http://${this.admin}${path}`;
  }

  /** One request to the API; anything but 2xx is an error. */
  async api(path, body, headers = {}) {
    const ask = body === undefined ? { headers } : { method: "POST", headers: { "content-type": "application/json", ...headers }, body: JSON.stringify(body) };
    const answer = await fetch(this.url(`/api/v1/${path}`), ask);
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${path}: ${answer.status} ${text}`);
    return text === "" ? undefined : JSON.parse(text);
  }

  async reload() {
    const answer = await fetch(this.url("/-/reload"), { method: "POST" });
    if (!answer.ok) throw new Error(`reload: ${answer.status} ${await answer.text()}`);
    return answer.json();
  }

  /** Posts an event as Retell would, and gives back the id that it was stored under. */
  async send(event, path = "/webhook") {
    const body = typeof event === "string" ? event : JSON.stringify(event);
    const answer = await fetch(`http://${this.listen}${path}`, { method: "POST", headers: { "content-type": "application/json", "user-agent": "axios/1.7.2" }, body });
    if (answer.status !== 204) throw new Error(`the event was answered ${answer.status}: ${await answer.text()}`);
    return answer.headers.get("x-hookswitch-event-id");
  }

  /** Waits until an event is as `wanted` says, and gives it back. */
  async event(id, wanted) {
    return eventually(`event ${id} is as wanted`, async () => {
      const event = await this.api(`events/${id}`);
      return wanted(event) ? event : undefined;
    });
  }

  async #run(listen, admin) {
    const settings = ["run", "--config", this.rulesFile, "--listen", listen, "--admin-listen", admin, "--data-dir", join(this.folder, "data")];
    this.child = spawn(binary, settings, {
      env: { PATH: process.env.PATH, HOME: this.folder, ...this.environment },
      stdio: ["ignore", "ignore", "pipe"],
    });
    this.log = [];
    const ready = new Promise((found, failed) => {
      createInterface({ input: this.child.stderr }).on("line", (line) => {
        this.log.push(line);
        const entry = read(line);
        if (entry.message === "listening for webhooks") this.listen = entry.address;
        if (entry.message === "listening for the admin API") this.admin = entry.address;
        if (entry.message === "ready") found();
      });
      this.child.once("error", failed);
      this.child.once("exit", (code) => failed(new Error(`${binary} ended with ${code}:\n${this.log.join("\n")}`)));
    });
    await ready;
  }
}

/** A line of the log; what is no JSON, a panic for one, is a message. */
function read(line) {
  try {
    return JSON.parse(line);
  } catch {
    return { message: line };
  }
}
