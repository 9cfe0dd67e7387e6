// Named settings of the dice, and whether the dice still are what their name says; knows no page.

/** The preset whose values all stand as they are; null where none fits. `presets`: [{name, values}]. */
export function fittingPreset(presets, values) {
  return presets.find((preset) => changedFrom(preset, values).length === 0) ?? null;
}

/** The names of the settings that are not this preset's any more. */
export function changedFrom(preset, values) {
  return Object.keys(preset.values).filter((name) => preset.values[name] !== values[name]);
}
