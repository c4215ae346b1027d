/** Ready-made configurations, files of the package's `presets` folder: what each is for. */
export const PRESETS = {
  'reference-300e': 'the recipe of the published figures; also what runs without a preset',
  'budget-16e': 'ImageNet in 16 epochs with growing images, for one GPU and a day',
  finetune: 'all weights of a pretrained model, on thousands of images',
  'linear-probe': 'the classifier alone on top of a pretrained model, for a few images a class',
  'cpu-small': 'small images and small data on a processor, in minutes',
} as const;

export type PresetName = keyof typeof PRESETS;
