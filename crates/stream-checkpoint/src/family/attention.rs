//! Which layers rotate, and which see only a window.

use super::{Family, WindowRule, limits};
use crate::architecture::LayerAttention;
use crate::error::Fault;
use crate::json::Object;

const NO_ROTARY: &str = "no_rope_layers";
const NO_ROTARY_EVERY: &str = "no_rope_layer_interval";
const WINDOW: &str = "sliding_window";
const USE_WINDOW: &str = "use_sliding_window";
const FULL_LAYERS: &str = "max_window_layers";
const LAYER_TYPES: &str = "layer_types";

/// `max_window_layers` where it is left out.
const DEFAULT_FULL_LAYERS: u64 = 28;

impl Family {
    /// Whether a layer rotates its heads if every so many do not.
    pub(super) fn rotates(&self, layer: usize, no_rotary_every: Option<usize>) -> bool {
        no_rotary_every.is_none_or(|every| !(layer + 1).is_multiple_of(every))
    }

    /// What `config.json` says of the layers' attention.
    pub(super) fn attention(
        &self,
        config: &Object<'_>,
        layers: usize,
    ) -> Result<Vec<LayerAttention>, Fault> {
        let rotary = self.rotary_layers(config, layers)?;
        let windows = self.windows(config, &rotary)?;
        let layer = |(rotary, window)| LayerAttention { window, rotary };
        Ok(rotary.into_iter().zip(windows).map(layer).collect())
    }

    /// In `no_rope_layers` 1 stands for a layer that rotates.
    fn rotary_layers(&self, config: &Object<'_>, layers: usize) -> Result<Vec<bool>, Fault> {
        let Some(every) = self.no_rotary_every else {
            return Ok(vec![true; layers]);
        };
        if let Some(stated) = config.integers(NO_ROTARY, 1)? {
            if stated.len() < layers {
                let problem = format!("has {} entries for {layers} layers", stated.len());
                return Err(config.fault(NO_ROTARY, problem));
            }
            return Ok(stated.iter().take(layers).map(|flag| *flag == 1).collect());
        }
        let every = config
            .size(NO_ROTARY_EVERY, limits::LAYERS)?
            .unwrap_or(every);
        Ok((0..layers)
            .map(|layer| self.rotates(layer, Some(every)))
            .collect())
    }

    /// Each layer's window.
    fn windows(&self, config: &Object<'_>, rotary: &[bool]) -> Result<Vec<Option<usize>>, Fault> {
        let all = |window| vec![window; rotary.len()];
        match self.windows {
            WindowRule::Never => Ok(all(None)),
            WindowRule::EveryLayer { unless_stated } => {
                let stated = config.size(WINDOW, limits::CONTEXT)?;
                let left_out = (!config.names(WINDOW)).then_some(unless_stated);
                Ok(all(stated.or(left_out)))
            }
            WindowRule::LaterLayers | WindowRule::LayersWithoutRotary => {
                let window = config.size(WINDOW, limits::CONTEXT)?;
                let used = config.boolean(USE_WINDOW)?.unwrap_or(false);
                match window.filter(|_| used) {
                    None => Ok(all(None)),
                    Some(window) => {
                        let sliding = self.sliding(config, rotary)?;
                        let window = |sliding: bool| sliding.then_some(window);
                        Ok(sliding.into_iter().map(window).collect())
                    }
                }
            }
        }
    }

    /// Which layers have a window where some have.
    fn sliding(&self, config: &Object<'_>, rotary: &[bool]) -> Result<Vec<bool>, Fault> {
        if let Some(types) = config.strings(LAYER_TYPES)? {
            return layer_types(config, &types, rotary.len());
        }
        if self.windows == WindowRule::LayersWithoutRotary {
            return Ok(rotary.iter().map(|rotary| !rotary).collect());
        }
        let full = config.integer(FULL_LAYERS, u64::MAX)?;
        let full = full.unwrap_or(DEFAULT_FULL_LAYERS);
        Ok((0..rotary.len() as u64)
            .map(|layer| layer >= full)
            .collect())
    }
}

fn layer_types(config: &Object<'_>, types: &[&str], layers: usize) -> Result<Vec<bool>, Fault> {
    if types.len() != layers {
        let problem = format!("has {} entries for {layers} layers", types.len());
        return Err(config.fault(LAYER_TYPES, problem));
    }
    let sliding = |kind: &&str| match *kind {
        "full_attention" => Ok(false),
        "sliding_attention" => Ok(true),
        other => Err(Fault::feature(format!("layers of type `{other}`"))),
    };
    types.iter().map(sliding).collect()
}
