import { Draft, type Revive } from "./draft.js";
import { FlashDraft, NO_FLASH, type Flash } from "./flash.js";

/** A session's value and messages, as they are stored. */
export interface Content {
  /** The value's JSON; none where there are only messages. */
  readonly text: string | undefined;
  readonly flash: Flash;
}

/** A session that is not stored. */
export const NOTHING: Content = { text: undefined, flash: NO_FLASH };

/** What is to be stored. Settled, later changes remain. */
export interface Change<T> extends Content {
  /** What the request itself has made of the value. */
  readonly reached: string | undefined;
  readonly newTags: readonly string[];
  /** It is stored, as `text`. `value` is what a schema has made of that, if there is one. */
  settle(text: string | undefined, value: T | undefined): void;
}

/** All that a request changes of a session: its value, its messages, its tags. */
export class Changes<T> {
  readonly draft: Draft<T>;
  readonly flash: FlashDraft;
  readonly newTags: string[] = [];

  /** The value is the draft's own from now on. */
  constructor(custom: boolean, { text, flash }: Content = NOTHING, value?: T) {
    this.draft = new Draft(text, value, custom);
    this.flash = new FlashDraft(flash);
  }

  /** Whether there are messages or tags among them. */
  get areMore(): boolean {
    return this.newTags.length > 0 || this.flash.changes > 0;
  }

  /**
   * What has been changed by now, on top of what is stored.
   *
   * @param now what the draft has just reached, if that is known
   */
  onTopOf(stored: Content, now?: string): Change<T> {
    const change = this.#begin(stored, now);
    return change(this.draft.changes === 0 ? stored.text : this.draft.onTopOf(stored.text));
  }

  /** The same where only a schema can make values of their JSON. */
  async onTopOfRevived(stored: Content, revive: Revive<T>): Promise<Change<T>> {
    const change = this.#begin(stored);
    return change(
      this.draft.changes === 0 ? stored.text : await this.draft.onTopOfRevived(stored.text, revive),
    );
  }

  /** Fixes what has been changed by now; the change needs only the text to which it leads. */
  #begin(stored: Content, now?: string): (text: string | undefined) => Change<T> {
    const { draft, flash: flashDraft, newTags } = this;
    const reached = now ?? draft.reach();
    const { changes } = draft;
    const flashChanges = flashDraft.changes;
    const tags = [...newTags];
    const flash = flashDraft.onTopOf(stored.flash, flashChanges);
    return (text) => ({
      reached,
      text,
      flash,
      newTags: tags,
      settle(text, value) {
        if (text !== undefined) draft.settle(text, changes, reached, value);
        flashDraft.settle(flash, flashChanges);
        newTags.splice(0, tags.length);
      },
    });
  }
}
