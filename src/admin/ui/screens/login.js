// Asks for the admin token, once: the server keeps it in a cookie that no script can read. The address stays as it is, so one is where
// one was afterwards.

import { html, useEffect, useId, useRef, useState } from "../lib/html.js";
import { ApiError, post } from "../lib/api.js";
import { Button } from "../components/button.js";
import { Icon } from "../components/icon.js";

/** @param {{onLogin: () => void}} props */
export function Login({ onLogin }) {
  const [token, setToken] = useState("");
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState();
  const [shown, setShown] = useState(false);
  const field = useRef(null);
  const [title, label, told] = [useId(), useId(), useId()];
  useEffect(() => field.current?.focus(), []);

  const submit = async (event) => {
    event.preventDefault();
    if (token.trim() === "") {
      setError("The token is empty.");
      field.current?.focus();
      return;
    }
    setBusy(true);
    try {
      await post("/api/v1/login", { token: token.trim() });
      onLogin();
    } catch (failure) {
      setError(words(failure));
      setBusy(false);
      field.current?.select();
    }
  };

  return html`<main class="login" id="main">
    <form class="card login-card" aria-labelledby=${title} onSubmit=${submit} noValidate>
      <span class="login-mark"><${Icon} name="phone" size=${20} /></span>
      <h1 id=${title}>Sign in to hookswitch</h1>
      <p class="quiet">${location.host} asks for its admin token: <code>admin_token</code> in the configuration, mostly the${" "}
        variable <code>HOOKSWITCH_ADMIN_TOKEN</code>.</p>
      <label class="field-label" for=${label}>Admin token</label>
      <div class="login-field">
        <input class="input" id=${label} ref=${field} name="token" type=${shown ? "text" : "password"} value=${token} autocomplete="current-password"
          autocapitalize="off" spellcheck=${false} aria-invalid=${error ? "true" : undefined} aria-describedby=${error ? told : undefined}
          onInput=${(event) => setToken(event.currentTarget.value)} />
        <${Button} variant="ghost" icon="eye" label=${shown ? "Hide the token" : "Show the token"} aria-pressed=${shown ? "true" : "false"}
          onClick=${() => setShown(!shown)} />
      </div>
      ${error && html`<p class="login-error" id=${told} role="alert">${error}</p>`}
      <${Button} type="submit" variant="primary" busy=${busy}>Sign in<//>
      <p class="quiet login-note">This browser keeps it in a cookie for this address alone, which no script can read.</p>
    </form>
  </main>`;
}

function words(failure) {
  if (failure instanceof ApiError && failure.status === 401) return "That is not the token. It is the one of the configuration that runs now.";
  return failure.detail ?? failure.message;
}
