import { checkTag } from "../bytes.mjs";
import { ReferenceStorage } from "../reference.mjs";
import { breaks } from "./breaks.mjs";

/** C13: tags. */

/** An index beside the sessions that nobody takes anything out of. */
class KeepsAnIndexThatOnlyGrows extends ReferenceStorage {
  index = new Map();

  commit(id, data, wanted) {
    const revision = super.commit(id, data, wanted);
    for (const tag of wanted.tags ?? []) this.index.set(tag, (this.index.get(tag) ?? new Set()).add(id));
    return revision;
  }

  tagged(tag) {
    const now = this.time();
    const ids = [...(this.index.get(tag) ?? [])];
    return ids
      .map((id) => [id, this.shelf.sessions.get(id)])
      .filter(([, record]) => record !== undefined && !this.hasExpired(record, now));
  }
}

class DropsTagsThatAreLeftOut extends ReferenceStorage {
  readOptions(options) {
    const wanted = super.readOptions(options);
    return { ...wanted, tags: wanted.tags ?? [] };
  }
}

class AddsTagsToThoseThere extends ReferenceStorage {
  commit(id, data, wanted) {
    const before = this.find(id)?.tags ?? [];
    return super.commit(id, data, { ...wanted, tags: [...new Set([...before, ...(wanted.tags ?? [])])] });
  }
}

class ListsTheExpired extends ReferenceStorage {
  tagged(tag) {
    return [...this.shelf.sessions].filter(([, { tags }]) => tags.includes(tag));
  }
}

class CountsATagTwice extends ReferenceStorage {
  readOptions(options) {
    const wanted = super.readOptions(options);
    return { ...wanted, tags: wanted.tags && [...options.tags] };
  }
}

class TakesAnyTag extends ReferenceStorage {
  readOptions(options) {
    const { tags, ...others } = options ?? {};
    return {
      ...super.readOptions(others),
      tags: tags === undefined ? undefined : [...new Set(Array.from(tags))],
    };
  }
}

class TagsByAFailedWrite extends ReferenceStorage {
  async put(id, options, content) {
    const { tags } = this.readOptions(options);
    const record = this.find(id);
    if (record !== undefined && tags !== undefined) record.tags = tags;
    return super.put(id, options, content);
  }
}

class DropsTagsSilently extends ReferenceStorage {
  capabilities = { ...this.capabilities, tags: false };

  readOptions(options) {
    return { ...super.readOptions(options), tags: undefined };
  }
}

class InvalidatesOneOfATag extends ReferenceStorage {
  async invalidateTagged(tag) {
    const { tagged } = this;
    this.tagged = (of) => tagged.call(this, of).slice(0, 1);
    const count = await super.invalidateTagged(tag);
    this.tagged = tagged;
    return count;
  }
}

class SortsTags extends ReferenceStorage {
  readOptions(options) {
    const wanted = super.readOptions(options);
    return { ...wanted, tags: wanted.tags?.sort() };
  }
}

class KeepsTheCallersList extends ReferenceStorage {
  readOptions(options) {
    const wanted = super.readOptions(options);
    return { ...wanted, tags: wanted.tags && options.tags };
  }
}

class ComposesTheLettersOfTags extends ReferenceStorage {
  tagged(tag) {
    const now = this.time();
    const same = (other) => other.normalize() === tag.normalize();
    return [...this.shelf.sessions].filter(
      ([, record]) => record.tags.some(same) && !this.hasExpired(record, now),
    );
  }
}

class AsksForAnyTag extends ReferenceStorage {
  async invalidateTagged(tag) {
    const tagged = this.tagged(tag);
    for (const [id] of tagged) this.end(id);
    return tagged.length;
  }
}

class TellsTheIdInItsList extends ReferenceStorage {
  async *listTagged(tag) {
    this.checkOpen();
    checkTag(tag);
    for (const [id, record] of this.tagged(tag)) yield { ...this.describe(record), id };
  }
}

class StopsListingWhenSessionsChange extends ReferenceStorage {
  async *listTagged(tag) {
    this.checkOpen();
    checkTag(tag);
    const before = this.shelf.sessions.size;
    for (const [, record] of this.tagged(tag)) {
      if (this.shelf.sessions.size !== before) throw new Error("concurrent modification");
      yield this.describe(record);
    }
  }
}

export const tags = [
  breaks(KeepsAnIndexThatOnlyGrows, "keeps an index of tags that only grows", [
    "C13_an_overwrite_keeps_replaces_or_drops_the_tags",
    "C13_an_invalidated_session_leaves_its_tags",
    "C13_sessions_committed_at_once_are_all_found",
  ]),
  breaks(DropsTagsThatAreLeftOut, "drops tags that are left out", [
    "C13_an_overwrite_keeps_replaces_or_drops_the_tags",
  ]),
  breaks(AddsTagsToThoseThere, "adds tags to those there", [
    "C13_an_overwrite_keeps_replaces_or_drops_the_tags",
  ]),
  breaks(ListsTheExpired, "lists what has expired", ["C13_an_expired_session_leaves_its_tags"]),
  breaks(CountsATagTwice, "counts a tag twice", ["C13_a_tag_named_twice_counts_once"]),
  breaks(TakesAnyTag, "takes any tag", ["C11_tags_that_are_none_are_refused"]),
  breaks(TagsByAFailedWrite, "tags by a failed write", ["C13_a_write_that_fails_leaves_the_tags"]),
  breaks(DropsTagsSilently, "drops tags silently", ["C13_tags_that_cannot_be_kept_are_refused"], {
    tags: false,
  }),
  breaks(InvalidatesOneOfATag, "invalidates one session of a tag", [
    "C13_tagged_sessions_are_listed_and_invalidated",
  ]),
  breaks(SortsTags, "sorts tags", ["C13_info_tells_the_tags_in_their_order"]),
  breaks(KeepsTheCallersList, "keeps the caller's list of tags", ["C13_info_tells_the_tags_in_their_order"]),
  breaks(ComposesTheLettersOfTags, "composes the letters of tags", ["C13_tags_of_any_text_are_kept_apart"]),
  breaks(AsksForAnyTag, "asks for any tag", ["C13_a_tag_that_is_none_cannot_be_asked_for"]),
  breaks(TellsTheIdInItsList, "tells the ids in its list", ["C13_the_list_never_tells_an_id"]),
  breaks(StopsListingWhenSessionsChange, "stops listing when sessions change", [
    "C13_the_list_may_be_left_early_and_used_while_sessions_change",
  ]),
];
