// What several parts of the page are made of.
import type { ComponentChildren } from "preact";
import { abbreviated, words } from "./format";

interface CardProps {
  id: string;
  title: string;
  about: ComponentChildren;
  extra?: ComponentChildren;
  children: ComponentChildren;
}

export function Card({ id, title, about, extra, children }: CardProps) {
  return (
    <section class="card" id={id} aria-labelledby={`${id}-title`} tabIndex={-1}>
      <div class="head">
        <h2 id={`${id}-title`}>{title}</h2>
        {extra}
      </div>
      <p class="about">{about}</p>
      {children}
    </section>
  );
}

const GOOD = new Set(["new_visitor", "new_visit"]);

export function Flags({ flags }: { flags: string[] }) {
  // A new visitor's visit is always new.
  const told = flags.includes("new_visitor") ? flags.filter((flag) => flag !== "new_visit") : flags;
  return (
    <>
      {told.map((flag) => (
        <span key={flag} class={GOOD.has(flag) ? "flag good" : "flag"}>{words(flag)}</span>
      ))}
    </>
  );
}

interface VisitorButtonProps {
  id: string;
  chosen: string;
  choose: (visitor: string) => void;
}

export function VisitorButton({ id, chosen, choose }: VisitorButtonProps) {
  return (
    <button type="button" class="visitor" title={id} aria-pressed={id === chosen} aria-label={`Visitor ${id}`} onClick={() => choose(id)}>
      {abbreviated(id)}
    </button>
  );
}
