// Rules, and events of the kinds that Retell sends, for tests. Everything in them is made up; telephone numbers are of the block
// that is kept for fiction.

/** A file with a target that works, one that fails for now, one that refuses for good, and a rule for each. */
export function rules(receiver, more = "") {
  return `version: 1
sources:
  retell: { path: /webhook, verify: none }
defaults:
  retry: { initial: 30s, max: 30m, give_up_after: 24h }
targets:
  crm: { kind: http, url: "${receiver.url}/crm" }
  warehouse: { kind: http, url: "\${WAREHOUSE_URL:-${receiver.url}/warehouse}" }
  refuser: { kind: http, url: "${receiver.url}/refuser" }
rules:
  - name: nobody needs every turn
    when: { event: transcript_updated }
    ignore: true
  - name: analysed calls to the CRM
    when: { event: call_analyzed }
    to: [crm]
  - name: angry callers
    when: { event: call_analyzed, fields: { $.call.call_analysis.user_sentiment: Negative } }
    to: [warehouse]
  - name: ended calls to the refuser
    when: { event: call_ended }
    to: [refuser]
${more}`;
}

/** An analysed call. `changes` go over the call's members. */
export function analyzed(changes = {}) {
  return {
    event: "call_analyzed",
    call: {
      call_id: "call_7f3d0001",
      call_type: "phone_call",
      agent_id: "agent_front_desk",
      agent_name: "Bayside Front Desk",
      call_status: "ended",
      direction: "inbound",
      from_number: "+14155550142",
      to_number: "+14155550100",
      start_timestamp: 1772553601234,
      end_timestamp: 1772553663642,
      duration_ms: 62408,
      disconnection_reason: "user_hangup",
      metadata: { tenant: "bayside-dental" },
      transcript: "Agent: Bayside Family Dental, this is Nora.\nUser: Hi, this is Dana Whitfield. My number is +14155550142.\n",
      transcript_object: [
        { role: "agent", content: "Bayside Family Dental, this is Nora.", words: [{ word: "Bayside", start: 0.4, end: 0.8 }] },
        { role: "user", content: "Hi, this is Dana Whitfield. My number is +14155550142.", words: [{ word: "Hi", start: 3.1, end: 3.3 }] },
      ],
      call_analysis: { call_summary: "Dana Whitfield asked for a visit on Wednesday.", user_sentiment: "Positive", in_voicemail: false, call_successful: true },
      ...changes,
    },
  };
}

/** The event `name` of a call, without what is only known once it was analysed. */
export function plain(name, changes = {}) {
  const { transcript, transcript_object, call_analysis, ...call } = analyzed(changes).call;
  return { event: name, call };
}
