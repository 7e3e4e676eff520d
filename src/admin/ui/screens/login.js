// Asks for the admin token, once: the server keeps it in a cookie that no script can read.

import { html, useState } from "../lib/html.js";
import { post } from "../lib/api.js";
import { Button } from "../components/button.js";
import { ErrorBox } from "../components/notes.js";

/** @param {{onLogin: () => void}} props */
export function Login({ onLogin }) {
  const [token, setToken] = useState("");
  const [error, setError] = useState();
  const [busy, setBusy] = useState(false);
  const submit = async (event) => {
    event.preventDefault();
    setBusy(true);
    try {
      await post("/api/v1/login", { token });
      onLogin();
    } catch (failure) {
      setError(failure);
    }
    setBusy(false);
  };
  return html`<main class="login"><form class="card login-card" onSubmit=${submit}>
    <h1>hookswitch</h1>
    <label class="field"><span class="field-label">Admin token</span>
      <input class="input" type="password" autocomplete="current-password" value=${token} onInput=${(event) => setToken(event.currentTarget.value)} /></label>
    ${error && html`<${ErrorBox} error=${error} />`}
    <${Button} type="submit" variant="primary" busy=${busy}>Sign in<//>
  </form></main>`;
}
