import { SessionError } from "../bytes.mjs";
import { ReferenceStorage } from "../reference.mjs";
import { breaks } from "./breaks.mjs";

/** Whole values: what `set`, `get` and their JSON kin take and give. */

class StoresTheWordUndefined extends ReferenceStorage {
  async setJson(id, value, options) {
    return this.set(id, JSON.stringify(value) ?? "undefined", options);
  }
}

class StoresWhatItIsGivenAsText extends ReferenceStorage {
  async gather(data, signal) {
    const known = typeof data === "object" && data !== null && data.constructor !== Object;
    return super.gather(known ? data : String(data), signal);
  }
}

class KeepsAValueByReference extends ReferenceStorage {
  async gather(data, signal) {
    return data instanceof Uint8Array ? data : super.gather(data, signal);
  }
}

class GivesItsOwnBytesAway extends ReferenceStorage {
  give(record) {
    return record.data;
  }
}

class DecodesTheString extends ReferenceStorage {
  async gather(data, signal) {
    if (typeof data !== "string") return super.gather(data, signal);
    return Uint8Array.from(data, (letter) => letter.charCodeAt(0));
  }
}

class KeepsJsonByReference extends ReferenceStorage {
  values = new Map();

  async setJson(id, value, options) {
    const revision = await super.setJson(id, value, options);
    this.values.set(revision, value);
    return revision;
  }

  async getJson(id) {
    const { revision } = (await this.info(id)) ?? {};
    return this.values.get(revision) ?? super.getJson(id);
  }
}

class GivesTheContentOfOneAndTheInfoOfAnother extends ReferenceStorage {
  async get(id) {
    const found = await super.get(id);
    await Promise.resolve();
    return found && { data: found.data, info: await this.info(id) };
  }
}

class RefusesWhateverJsonDoes extends ReferenceStorage {
  async setJson(id, value, options) {
    try {
      return await super.setJson(id, value, options);
    } catch (cause) {
      throw new SessionError("INVALID_OPTION", "The value has no JSON.", cause);
    }
  }
}

class TakesALockedStreamForAnEmptyOne extends ReferenceStorage {
  async gather(data, signal) {
    return data?.locked ? new Uint8Array() : super.gather(data, signal);
  }
}

export const values = [
  breaks(StoresTheWordUndefined, "stores the word undefined", ["C11_a_value_that_has_no_json_is_refused"]),
  breaks(StoresWhatItIsGivenAsText, "stores what it is given as text", [
    "C11_data_that_is_none_is_refused",
    "C5_every_error_has_a_code_of_the_contract",
  ]),
  breaks(KeepsAValueByReference, "keeps a value by reference", [
    "C1_changing_a_value_after_set_does_not_change_the_session",
  ]),
  breaks(GivesItsOwnBytesAway, "gives its own bytes away", [
    "C1_changing_what_get_gave_does_not_change_the_session",
    "C9_what_get_gives_is_a_plain_Uint8Array",
  ]),
  breaks(DecodesTheString, "cuts letters down to a byte", [
    "C9_set_takes_every_kind_of_data",
    "C9_json_comes_back_as_it_was",
  ]),
  breaks(KeepsJsonByReference, "keeps JSON by reference", [
    "C1_changing_a_json_value_does_not_change_the_session",
  ]),
  breaks(
    GivesTheContentOfOneAndTheInfoOfAnother,
    "gives the content of one revision and the info of another",
    ["C2_get_gives_content_and_info_of_one_revision"],
  ),
  breaks(RefusesWhateverJsonDoes, "hides what JSON itself refuses", [
    "C11_what_JSON_itself_refuses_is_passed_on",
  ]),
  breaks(TakesALockedStreamForAnEmptyOne, "takes a locked stream for an empty one", [
    "C11_a_source_that_is_used_up_or_locked_is_refused",
  ]),
];
