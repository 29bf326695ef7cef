// Dead letters by reason, with the original bytes. Bytes are only ever made text nodes.
import { useMemo, useState } from "preact/hooks";
import { Bars } from "./charts";
import { bytesOf, count, dumpOf, piecesOf, time } from "./format";
import type { Rejection } from "./messages";
import { Card } from "./parts";
import type { View } from "./view";

export function Letters({ view }: { view: View }) {
  return (
    <Card id="rejected" title="Rejected" about={<>Bad records go to <code>{view.hello.topics.rejected}</code> as they came. The stream goes on.</>}>
      <Bars counts={view.latest.codes} label="Rejected records by reason" empty="None. Every record could be read." tone="bad" />
      {view.rejected.length > 0 && (
        <ul class="letters">
          {view.rejected.map((letter) => <li key={letter.n}><Letter letter={letter} /></li>)}
        </ul>
      )}
    </Card>
  );
}

function Letter({ letter }: { letter: Rejection }) {
  const [isOpen, open] = useState(false);
  return (
    <details onToggle={(event) => open(event.currentTarget.open)}>
      <summary>
        <span class="time">{time(letter.time)}</span>
        <span class="code">{letter.code}</span>
        <span class="text">{letter.reason}</span>
      </summary>
      {isOpen && <Opened letter={letter} />}
    </details>
  );
}

function Opened({ letter }: { letter: Rejection }) {
  const [isDump, dump] = useState(false);
  const bytes = useMemo(() => bytesOf(letter.bytes), [letter.bytes]);
  const { source } = letter;
  const facts = [
    source ? `${source[0]} [${source[1]}] at offset ${source[2]}` : "",
    letter.stage ? `stage ${letter.stage}` : "",
    `${count(letter.size)} bytes${letter.size > bytes.length ? `, of which ${count(bytes.length)} are shown` : ""}`,
  ];
  return (
    <>
      <p class="facts">
        {facts.filter(Boolean).join(" · ")}
        <button type="button" aria-pressed={isDump} onClick={() => dump(!isDump)}>Hexadecimal</button>
      </p>
      <pre tabIndex={0} aria-label="The original bytes">
        {isDump ? dumpOf(bytes) : piecesOf(bytes).map(({ text, isBytes }) => (isBytes ? <span class="byte">{text}</span> : text))}
      </pre>
    </>
  );
}
